// Peers that mean no good, or are something else than they should be.

#include <openssl/aead.h>

#include "test/extensions/transport_sockets/tls/server_fixture.h"

namespace weir::extensions::transport_sockets::tls {
namespace {

class HostileTest : public ServerTest {
 protected:
  // What comes back for bytes that are no TLS.
  std::string answerTo(std::string_view bytes, size_t at_once = SIZE_MAX) {
    Pair pair = connect();
    for (size_t i = 0; i < bytes.size(); i += std::min(at_once, bytes.size())) {
      pair.peer->put(bytes.substr(i, at_once));
      pair.ours->handshake();
      if (at_once == SIZE_MAX) break;
    }
    for (int i = 0; i < 3; ++i) pair.ours->handshake();
    pair.peer->pull();
    ::shutdown(pair.peer->fd(), SHUT_WR);
    EXPECT_EQ(pair.ours->handshake().state, IoResult::State::kError);
    reason_ = pair.ours->transport().reason();
    return pair.peer->wire;
  }
  std::string reason_;
};

TEST_F(HostileTest, PlainHttpIsToldSo) {
  for (const size_t at_once : {SIZE_MAX, size_t{1}}) {
    const std::string answer = answerTo("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", at_once);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
    const size_t body = answer.find("\r\n\r\n") + 4;
    EXPECT_NE(answer.find("Content-Length: " + std::to_string(answer.size() - body)),
              std::string::npos)
        << answer;
    EXPECT_EQ(reason_, "a plain HTTP request came instead of TLS");
  }
  EXPECT_EQ(failures("plain_http"), 2);
  EXPECT_EQ(stat("tls_handshakes_active"), 0);
}

TEST_F(HostileTest, APlainRequestThatGoesOnIsDiscarded) {
  Pair pair = connect();
  pair.peer->put("POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_EQ(pair.ours->handshake().state, IoResult::State::kWouldBlock);
  const std::string body(32 * 1024, 'b');
  int rounds = 0;
  while (rounds < 100) {
    pair.peer->put(body);
    if (pair.ours->handshake().state == IoResult::State::kError) break;
    ++rounds;
  }
  EXPECT_GT(rounds, 3);
  EXPECT_LT(rounds, 20);
}

TEST_F(HostileTest, GarbageGetsAnAlert) {
  const std::string answer = answerTo("\x01\x02\x03\x04\x05\x06\x07\x08");
  ASSERT_GE(answer.size(), 7u);
  EXPECT_EQ(answer[0], 21);
  EXPECT_EQ(reason_, "what came is not TLS");
  EXPECT_EQ(failures("not_tls"), 1);
}

TEST_F(HostileTest, OversizedRecord) {
  std::string bytes("\x16\x03\x01\xff\xff", 5);
  bytes.append(70'000, 'x');
  const std::string answer = answerTo(bytes);
  EXPECT_EQ(answer.substr(0, 1), "\x15");
  EXPECT_EQ(failures("protocol"), 1);
}

TEST_F(HostileTest, RecordsOutOfOrder) {
  Pair pair = secured();
  std::string first;
  std::string second;
  pair.peer->change = [&](std::string& bytes) { first = std::exchange(bytes, {}); };
  pair.peer->write("first");
  pair.peer->change = [&](std::string& bytes) { second = std::exchange(bytes, {}); };
  pair.peer->write("second");
  pair.peer->put(second + first);
  EXPECT_EQ(pair.ours->read(), "");
  EXPECT_EQ(pair.ours->last.state, IoResult::State::kError);
  EXPECT_EQ(pair.ours->transport().reason(), "a record was damaged or forged");
  pair.peer->change = nullptr;
  pair.peer->read();
  EXPECT_EQ(pair.peer->error, "SSLV3_ALERT_BAD_RECORD_MAC");
  // And it stays so.
  EXPECT_EQ(pair.ours->transport().read(std::span<char>()).state, IoResult::State::kError);
  EXPECT_EQ(pair.ours->write("x").state, IoResult::State::kError);
}

TEST_F(HostileTest, BytesBeforeABadRecordAreDelivered) {
  Pair pair = secured();
  std::string bad;
  pair.peer->write("good");
  pair.peer->change = [&](std::string& bytes) { bytes.back() ^= 1; };
  pair.peer->write("bad");
  EXPECT_EQ(pair.ours->read(), "good");
  EXPECT_EQ(pair.ours->read(), "");
  EXPECT_EQ(pair.ours->last.state, IoResult::State::kError);
}

TEST_F(HostileTest, KeyUpdatesAreBounded) {
  Pair pair = secured();
  for (int i = 0; i < 5; ++i) {
    SSL_key_update(pair.peer->ssl(), SSL_KEY_UPDATE_REQUESTED);
    pair.peer->write("data");
    EXPECT_EQ(pair.ours->read(), "data");
  }
  // Its answers are owed once, not once for each.
  pair.ours->write("answer");
  EXPECT_EQ(pair.peer->read(), "answer");
  bool failed = false;
  for (int i = 0; i < 100 && !failed; ++i) {
    SSL_key_update(pair.peer->ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_write(pair.peer->ssl(), "", 0);
    pair.peer->push();
    pair.ours->read();
    failed = pair.ours->last.state == IoResult::State::kError;
  }
  EXPECT_TRUE(failed);
  EXPECT_EQ(pair.ours->transport().reason(), "the peer changes its keys again and again");
}

// A handshake message in a record of TLS 1.2 that `ssl` could send next.
std::string handshakeRecord(const SSL* ssl, std::string_view message) {
  std::vector<uint8_t> keys(SSL_get_key_block_len(ssl));
  EXPECT_EQ(SSL_generate_key_block(ssl, keys.data(), keys.size()), 1);
  constexpr size_t kKeyBytes = 16;
  uint8_t nonce[12];
  std::copy_n(keys.begin() + 2 * kKeyBytes, 4, nonce);
  const uint64_t sequence = SSL_get_write_sequence(ssl);
  for (int i = 0; i < 8; ++i) nonce[4 + i] = static_cast<uint8_t>(sequence >> (56 - 8 * i));
  uint8_t extra[13];
  std::copy_n(nonce + 4, 8, extra);
  const uint8_t rest[] = {22, 3, 3, 0, static_cast<uint8_t>(message.size())};
  std::copy_n(rest, 5, extra + 8);
  const bssl::UniquePtr<EVP_AEAD_CTX> context(
      EVP_AEAD_CTX_new(EVP_aead_aes_128_gcm(), keys.data(), kKeyBytes, 16));
  uint8_t sealed[200];
  size_t length = 0;
  EXPECT_EQ(EVP_AEAD_CTX_seal(context.get(), sealed, &length, sizeof sealed, nonce, sizeof nonce,
                              reinterpret_cast<const uint8_t*>(message.data()), message.size(),
                              extra, sizeof extra),
            1);
  std::string record("\x16\x03\x03\x00", 4);
  record.push_back(static_cast<char>(8 + length));
  record.append(reinterpret_cast<const char*>(nonce + 4), 8);
  record.append(reinterpret_cast<const char*>(sealed), length);
  return record;
}

TEST_F(HostileTest, RenegotiationIsRefused) {
  Pair pair = secured({.most = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"});
  pair.peer->write("before");
  EXPECT_EQ(pair.ours->read(), "before");
  pair.peer->put(handshakeRecord(pair.peer->ssl(), std::string("\x01\x00\x00\x02xx", 6)));
  EXPECT_EQ(pair.ours->read(), "");
  EXPECT_EQ(pair.ours->last.state, IoResult::State::kError);
  EXPECT_EQ(pair.ours->transport().reason(), "the peer wants to renegotiate: refused");
}

// Any byte of any flight may be another: it comes to a clean end, and nobody is fooled.
TEST_F(HostileTest, AnyByteOfAnyFlightMayChange) {
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    size_t longest = 1;
    for (size_t at = 0; at < longest; ++at) {
      for (int flight = 0; flight < 2; ++flight) {
        Pair pair = connect({.most = version, .server_name = "localhost", .alpn = {"http/1.1"}});
        int seen = 0;
        bool changed = false;
        pair.peer->change = [&](std::string& bytes) {
          longest = std::max(longest, bytes.size());
          if (seen++ != flight || at >= bytes.size()) return;
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
          changed = true;
        };
        const bool up = shake(pair);
        if (!up || !changed) continue;
        // Bytes that nobody needs: then both have seen the same all the same.
        pair.peer->change = nullptr;
        pair.peer->write("after");
        EXPECT_EQ(pair.ours->read(), "after") << version << " flight " << flight << " byte " << at;
      }
      if (at > 600) break;
    }
  }
  EXPECT_EQ(stat("tls_handshakes_active"), 0);
}

TEST_F(HostileTest, AnyByteOfARecordMayChange) {
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (size_t at = 0; at < 40; ++at) {
      Pair pair = secured({.most = version});
      size_t length = 0;
      pair.peer->change = [&](std::string& bytes) {
        length = bytes.size();
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
      };
      pair.peer->write("some bytes");
      const std::string got = pair.ours->read();
      if (at >= length) break;
      // A length that is too large waits for more, which then does not fit.
      if (pair.ours->last.state == IoResult::State::kWouldBlock) {
        pair.peer->put(std::string(20'000, 'x'));
        EXPECT_EQ(pair.ours->read(), "");
      }
      EXPECT_EQ(got, "");
      EXPECT_EQ(pair.ours->last.state, IoResult::State::kError) << at;
    }
  }
}

TEST_F(HostileTest, HalfOpenOnesCostLittle) {
  bind();
  std::vector<Pair> pairs;
  for (int i = 0; i < 200; ++i) {
    pairs.push_back(connect());
    EXPECT_EQ(pairs.back().ours->handshake().state, IoResult::State::kWouldBlock);
  }
  EXPECT_EQ(stat("tls_handshakes_active"), 0);
  EXPECT_EQ(worker_.io.blocks().bytesInUse(), 0u);
  EXPECT_LE(sizeof(TlsSocket), 400u);
}

TEST_F(HostileTest, HandshakesTakeTurns) {
  bind();
  std::vector<Pair> pairs;
  for (int i = 0; i < 11; ++i) {
    pairs.push_back(connect());
    pairs.back().peer->step();
  }
  int waiting = 0;
  for (Pair& pair : pairs) {
    EXPECT_EQ(pair.ours->handshake().state, IoResult::State::kWouldBlock);
    if (pair.ours->transport().waitsForTurn()) ++waiting;
  }
  EXPECT_EQ(waiting, 7);
  EXPECT_EQ(stat("tls_handshakes_waiting"), 7);
  // One that is gone stands in nobody's way; one whose peer has gone neither.
  pairs[4].ours.reset();
  pairs[5].peer->close();
  worker_.dispatcher.runUntilIdle();
  EXPECT_EQ(stat("tls_handshakes_waiting"), 0);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i == 4) continue;
    EXPECT_EQ(pairs[i].ours->ready, i < 4 ? 0 : 1) << i;
    if (i == 5) {
      EXPECT_EQ(pairs[i].ours->handshake().state, IoResult::State::kEnd);
      continue;
    }
    EXPECT_TRUE(shake(pairs[i])) << i;
  }
}

TEST_F(HostileTest, HandshakesPerSecond) {
  options_->rate = std::make_shared<HandshakeRate>(20);  // two at once, then one each 50 ms
  bind();
  std::vector<Pair> pairs;
  const auto begun = [&] {
    int count = 0;
    for (Pair& pair : pairs) count += pair.ours->transport().waitsForTurn() ? 0 : 1;
    return count;
  };
  for (int i = 0; i < 10; ++i) {
    pairs.push_back(connect());
    pairs.back().peer->step();
    pairs.back().ours->handshake();
  }
  EXPECT_EQ(begun(), 2);
  worker_.dispatcher.advance(std::chrono::milliseconds(200));
  EXPECT_GE(begun(), 4);
  EXPECT_LE(begun(), 6);
  EXPECT_FALSE(pairs[3].ours->transport().waitsForTurn());
  EXPECT_TRUE(pairs[9].ours->transport().waitsForTurn());
  worker_.dispatcher.advance(std::chrono::milliseconds(600));
  EXPECT_EQ(begun(), 10);
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::tls
