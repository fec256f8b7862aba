// Records on the wire: their sizes, how many calls they cost, what waits where.

#include <netinet/in.h>
#include <pthread.h>

#include "test/extensions/transport_sockets/tls/server_fixture.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::transport_sockets::tls {
namespace {

class RecordsTest : public ServerTest {
 protected:
  // Plaintext bytes of the records of application data in `wire` (TLS 1.3).
  static std::vector<size_t> recordSizes(std::string_view wire) {
    std::vector<size_t> sizes;
    while (wire.size() >= 5) {
      const size_t length = static_cast<uint8_t>(wire[3]) << 8 | static_cast<uint8_t>(wire[4]);
      constexpr size_t kOverhead = 1 + 16;  // content type and tag
      if (wire[0] == 23) sizes.push_back(length - kOverhead);
      wire.remove_prefix(std::min(wire.size(), 5 + length));
    }
    return sizes;
  }
  // Makes a connection whose first write, with the ticket, is behind it.
  Pair warm(int type = SOCK_STREAM) {
    Pair pair = secured({}, type);
    pair.ours->write("first");
    EXPECT_EQ(pair.peer->read(), "first");
    pair.peer->wire.clear();
    return pair;
  }
};

TEST_F(RecordsTest, SmallAtFirstThenFull) {
  Pair pair = warm();
  std::string got;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(pair.ours->write(std::string(32 * 1024, 'x')).state, IoResult::State::kOk);
    got += pair.peer->read();
  }
  EXPECT_EQ(got.size(), 5u * 32 * 1024);
  const std::vector<size_t> sizes = recordSizes(pair.peer->wire);
  size_t before = 5;
  for (const size_t size : sizes) {
    const bool small = before < TlsSocket::kSmallBurst;
    EXPECT_LE(size, small ? TlsSocket::kSmallRecord : TlsSocket::kLargeRecord) << before;
    before += size;
  }
  EXPECT_EQ(sizes.back(), TlsSocket::kLargeRecord);
}

TEST_F(RecordsTest, SmallAgainAfterAPause) {
  Pair pair = warm();
  for (int i = 0; i < 3; ++i) {
    pair.ours->write(std::string(32 * 1024, 'x'));
    pair.peer->read();
  }
  const auto firstOfNext = [&] {
    pair.peer->wire.clear();
    pair.ours->write(std::string(20'000, 'x'));
    pair.peer->read();
    return recordSizes(pair.peer->wire).front();
  };
  EXPECT_EQ(firstOfNext(), TlsSocket::kLargeRecord);
  worker_.dispatcher.advance(std::chrono::milliseconds(900));
  EXPECT_EQ(firstOfNext(), TlsSocket::kLargeRecord);
  worker_.dispatcher.advance(std::chrono::milliseconds(1100));
  EXPECT_EQ(firstOfNext(), TlsSocket::kSmallRecord);
}

TEST_F(RecordsTest, HeadAndBodyShareARecord) {
  Pair pair = warm();
  buffer::Buffer& output = pair.ours->output;
  buffer::Block& head = worker_.io.blocks().acquire(512);
  std::memset(head.data(), 'h', 200);
  output.append(buffer::Slice(head, head.data(), 200));
  for (int i = 0; i < 3; ++i) {
    buffer::Block& piece = worker_.io.blocks().acquire(512);
    std::memset(piece.data(), 'b', 100);
    output.append(buffer::Slice(piece, piece.data(), 100));
  }
  EXPECT_EQ(pair.ours->write("").state, IoResult::State::kOk);
  EXPECT_EQ(pair.peer->read(), std::string(200, 'h') + std::string(300, 'b'));
  EXPECT_EQ(recordSizes(pair.peer->wire), std::vector<size_t>{500});
}

// Each send(2) is a packet of its own there.
TEST_F(RecordsTest, OneSendForEachWrite) {
  Pair pair = warm(SOCK_SEQPACKET);
  const auto sends = [&](size_t bytes) {
    EXPECT_EQ(pair.ours->write(std::string(bytes, 'x')).state, IoResult::State::kOk);
    const size_t count = pair.peer->pull().size();
    EXPECT_EQ(pair.peer->read().size(), bytes);
    return count;
  };
  EXPECT_EQ(sends(1), 1u);
  EXPECT_EQ(sends(5000), 1u);
  EXPECT_EQ(sends(40'000), 1u);
  EXPECT_EQ(sends(60'000), 1u);
  EXPECT_EQ(sends(150'000), 3u);
}

// The first one carries the ticket as well.
TEST_F(RecordsTest, TheTicketTravelsWithTheFirstWrite) {
  Pair pair = secured({}, SOCK_SEQPACKET);
  EXPECT_TRUE(pair.peer->pull().empty());
  pair.ours->write("first");
  EXPECT_EQ(pair.peer->pull().size(), 1u);
  EXPECT_EQ(pair.peer->read(), "first");
  EXPECT_NE(pair.peer->session, nullptr);
}

TEST_F(RecordsTest, LargeTransfersBothWaysWithBackpressure) {
  Pair pair = warm();
  constexpr size_t kBytes = 4 * 1024 * 1024;
  std::string down;
  std::string up;
  for (size_t i = 0; i < kBytes; ++i) {
    down.push_back(static_cast<char>(i * 7 + i / 1000));
    up.push_back(static_cast<char>(i * 13 + i / 999));
  }
  std::string got_down;
  std::string got_up;
  std::string pending;
  pair.peer->change = [&pending](std::string& bytes) { pending += std::exchange(bytes, {}); };
  pair.peer->write(up);
  pair.ours->output.append(down);
  bool blocked = false;
  for (int i = 0; i < 5000 && (got_down.size() < kBytes || got_up.size() < kBytes); ++i) {
    blocked = pair.ours->write("").state == IoResult::State::kWouldBlock || blocked;
    const ssize_t sent =
        ::send(pair.peer->fd(), pending.data(), pending.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) pending.erase(0, static_cast<size_t>(sent));
    got_up += pair.ours->read(100'000);
    got_down += pair.peer->read();
  }
  EXPECT_TRUE(blocked);
  EXPECT_TRUE(got_down == down);
  EXPECT_TRUE(got_up == up);
}

TEST_F(RecordsTest, WhatTheKernelDoesNotTakeIsBounded) {
  Pair pair = warm();
  pair.ours->output.append(std::string(8 * 1024 * 1024, 'x'));
  const size_t held = worker_.io.blocks().bytesInUse();
  const size_t before = pair.ours->output.size();
  EXPECT_EQ(pair.ours->write("").state, IoResult::State::kWouldBlock);
  const size_t consumed = before - pair.ours->output.size();
  EXPECT_GT(consumed, 0u);
  // What was consumed has gone, but for one gathering.
  EXPECT_LE(worker_.io.blocks().bytesInUse(), held + 2 * Wire::kGather);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(pair.ours->write("").state, IoResult::State::kWouldBlock);
    EXPECT_EQ(before - pair.ours->output.size(), consumed);
  }
}

TEST_F(RecordsTest, SmallRoomLeavesTheRestForLater) {
  Pair pair = warm();
  std::string sent;
  for (int i = 0; i < 40; ++i) {
    const std::string text(1000 + i, static_cast<char>('a' + i % 26));
    pair.peer->write(text);
    sent += text;
  }
  std::string got;
  char room[300];
  for (int i = 0; i < 1000 && got.size() < sent.size(); ++i) {
    const IoResult result = pair.ours->transport().read(room);
    got.append(room, result.bytes);
    if (got.size() < sent.size() && i > 0 && result.bytes == 0) {
      ASSERT_EQ(result.state, IoResult::State::kOk) << got.size();
    }
  }
  EXPECT_TRUE(got == sent);
}

TEST_F(RecordsTest, EndsInAnOrderlyWay) {
  Pair pair = warm();
  EXPECT_EQ(pair.ours->transport().shutdownWrite().state, IoResult::State::kOk);
  EXPECT_EQ(pair.ours->transport().shutdownWrite().state, IoResult::State::kOk);
  EXPECT_EQ(pair.peer->read(), "");
  EXPECT_TRUE(pair.peer->ended());
  // The other direction goes on.
  pair.peer->write("still here");
  EXPECT_EQ(pair.ours->read(), "still here");
}

TEST_F(RecordsTest, TheEndWaitsForWhatIsUnsent) {
  Pair pair = warm();
  pair.ours->output.append(std::string(2 * 1024 * 1024, 'x'));
  std::string got;
  bool ended = false;
  for (int i = 0; i < 1000 && !pair.peer->ended(); ++i) {
    if (pair.ours->write("").state == IoResult::State::kOk && !ended) {
      ended = pair.ours->transport().shutdownWrite().state == IoResult::State::kOk;
    }
    got += pair.peer->read();
  }
  EXPECT_EQ(got.size(), 2u * 1024 * 1024);
  EXPECT_TRUE(pair.peer->ended());
}

TEST_F(RecordsTest, AnEndWithoutNoticeIsAnError) {
  Pair pair = warm();
  pair.peer->write("half a mess");
  pair.peer->close();
  EXPECT_EQ(pair.ours->read(), "half a mess");
  EXPECT_EQ(pair.ours->read(), "");
  EXPECT_EQ(pair.ours->last.state, IoResult::State::kError);
  EXPECT_EQ(pair.ours->last.error, 0);
  EXPECT_EQ(pair.ours->transport().reason(), "the peer ended the connection without close_notify");
  EXPECT_EQ(stat("tls_errors_total"), 1);
}

TEST_F(RecordsTest, IdleOnesHoldNoBlocks) {
  Pair pair = warm();
  pair.peer->write("request");
  EXPECT_EQ(pair.ours->read(), "request");
  pair.ours->write("response");
  EXPECT_EQ(worker_.io.blocks().bytesInUse(), 0u);
}

// BoringSSL takes a buffer for each record; nothing else is allocated.
TEST_F(RecordsTest, NoAllocationOfOursInTheSteadyState) {
  if (!certificates::AllocationCounter::available()) GTEST_SKIP() << "the sanitizer allocates";
  Pair pair = warm();
  ASSERT_EQ(::pthread_setname_np(::pthread_self(), "weir-test"), 0);
  buffer::Buffer data(worker_.io.blocks());
  std::string room(32 * 1024, '\0');
  const std::string response(300, 'r');
  const auto exchange = [&](size_t request_bytes, bool counted) {
    pair.peer->write(std::string(request_bytes, 'q'));
    size_t allocated = 0;
    {
      const certificates::AllocationCounter counter(counted ? "weir-" : "nobody");
      size_t got = 0;
      while (got < request_bytes) got += pair.ours->transport().read(room).bytes;
      data.append(response);
      pair.ours->transport().write(data);
      allocated = counter.count();
      if (allocated > request_bytes / 16'384 + 2) counter.printStacks();
    }
    pair.peer->read();
    return allocated;
  };
  for (const size_t bytes : {100, 700, 5000, 20'000}) {
    exchange(bytes, false);
    exchange(bytes, false);
    const size_t records = bytes / 16'384 + 1 + 1;
    EXPECT_LE(exchange(bytes, true), records) << bytes;
  }
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::tls
