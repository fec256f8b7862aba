// Weir as an HTTP/2 client: what it sends, how it keeps to what the origin says, and what it does
// when the origin goes away. RFC 9113, sections 3 to 8.

#include <algorithm>
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"

#include "test/conformance/client_fixture.h"

namespace weir::conformance {
namespace {

namespace http2 = test::http2;
namespace hpack = test::http2::hpack;
using ::testing::HasSubstr;
using enum ErrorCode;

constexpr uint8_t kWhole = http2::kEndHeaders | http2::kEndStream;
const std::string kOkBlock = hpack::block({{":status", "200"}});

std::string postOf(size_t bytes, std::string_view more = {}) {
  return "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(bytes) + "\r\n" +
         std::string(more) + "\r\n" + std::string(bytes, 'u');
}

// 3.4: the preface, SETTINGS first, the origin's SETTINGS acknowledged. Push is refused from the
// start (8.4).
TEST_F(ClientTest, BeginsWithThePreface) {
  std::atomic<uint32_t> push{7};
  start([&](Http2Peer& peer, int) {
    EXPECT_TRUE(peer.start()) << peer.whatCame();
    push = peer.theirSetting(Setting::kEnablePush, 1);
    const auto stream = peer.nextRequest();
    if (stream) peer.respond(*stream, 200);
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(peer.violations(), "");
  });
  EXPECT_EQ(ask().status(), 200);
  waitForScript();
  stop();
  EXPECT_EQ(push, 0u);
}

// 3.4: an origin whose first frame is not SETTINGS speaks something else.
TEST_F(ClientTest, RefusesAnotherFirstFrame) {
  start([&](Http2Peer& peer, int) {
    peer.send(http2::ping("12345678") + http2::settings());
    EXPECT_TRUE(peer.readToEnd()) << peer.whatCame();
  });
  EXPECT_EQ(ask().status() / 100, 5);
}

TEST_F(ClientTest, RefusesAnOriginThatSpeaksHttp1) {
  start([&](Http2Peer& peer, int) {
    peer.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(peer.readToEnd());
  });
  EXPECT_EQ(ask().status() / 100, 5);
}

// 8.2, 8.3.1: control data first, in lower case, nothing of the HTTP/1 connection; violations()
// holds all of it against section 8.
TEST_F(ClientTest, TranslatesRequests) {
  Fields seen;
  std::string body;
  start([&](Http2Peer& peer, int) {
    if (!peer.start()) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    seen = peer.finish(*stream).head;
    body = peer.message(*stream).body;
    peer.respond(*stream, 200);
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(peer.violations(), "");
  });
  EXPECT_EQ(exchange("POST http://b.example/path?q=1 HTTP/1.1\r\nHost: b.example\r\n"
                     "X-Mixed-Case: Kept\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: 5\r\n"
                     "X-Hop: 1\r\nProxy-Connection: close\r\nTE: trailers, gzip\r\n"
                     "Cookie: a=b; c=d\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n")
                .status(),
            200);
  waitForScript();
  stop();
  const std::string text = http2::textOf(seen);
  EXPECT_THAT(text, HasSubstr(":method: POST\n"));
  EXPECT_THAT(text, HasSubstr(":scheme: http\n"));
  EXPECT_THAT(text, HasSubstr(":path: /path?q=1\n"));
  EXPECT_THAT(text, HasSubstr(":authority: b.example\n"));
  EXPECT_THAT(text, HasSubstr("x-mixed-case: Kept\n"));
  for (const char* name :
       {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "x-hop", "upgrade"})
    EXPECT_THAT(text, ::testing::Not(HasSubstr(std::string("\n") + name + ":")));
  // Crumbs may be split (8.2.3); together they are the same.
  std::string cookies;
  for (const http2::Field& field : seen)
    if (field.name == "cookie") cookies += (cookies.empty() ? "" : "; ") + field.value;
  EXPECT_EQ(cookies, "a=b; c=d");
  EXPECT_EQ(body, "body");
}

// 8.3.1: OPTIONS in asterisk form.
TEST_F(ClientTest, SendsOptionsInAsteriskForm) {
  std::string path;
  start([&](Http2Peer& peer, int) {
    if (!peer.start()) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    path = peer.message(*stream).header(":path");
    peer.respond(*stream, 200);
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(peer.violations(), "");
  });
  EXPECT_EQ(exchange("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
  waitForScript();
  stop();
  EXPECT_EQ(path, "*");
}

// 8.1: trailers, both ways; and an interim response goes through.
TEST_F(ClientTest, CarriesTrailersBothWays) {
  std::string late;
  start([&](Http2Peer& peer, int) {
    if (!peer.start()) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    late = peer.finish(*stream).trailer("x-late");
    peer.send(http2::headers(*stream, kOkBlock) + http2::data(*stream, "body") +
              http2::headers(*stream, hpack::block({{"x-sum", "42"}}), kWhole));
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(peer.violations(), "");
  });
  const RawMessage response = exchange(
      "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\nbody\r\n0\r\nX-Late: yes\r\n\r\n");
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.body, "body");
  EXPECT_EQ(response.trailers.count("x-sum"), 1u);
  waitForScript();
  stop();
  EXPECT_EQ(late, "yes");
}

// 8.1.1: a response to HEAD has a length but no content; content is an error.
TEST_F(ClientTest, HeadHasNoContent) {
  start([&](Http2Peer& peer, int) {
    if (!peer.start()) return;
    for (int i = 0; i < 2; ++i) {
      const auto stream = peer.nextRequest();
      if (!stream) return;
      const std::string block = hpack::block({{":status", "200"}, {"content-length", "5"}});
      if (peer.message(*stream).header(":path") == "/right") {
        peer.send(http2::headers(*stream, block, kWhole));
      } else {
        peer.send(http2::headers(*stream, block) +
                  http2::data(*stream, "body!", http2::kEndStream));
        EXPECT_TRUE(peer.streamError(*stream, {kProtocolError}));
      }
    }
  });
  const RawMessage right = exchange("HEAD /right HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(right.status(), 200);
  EXPECT_EQ(right.header("content-length"), "5");
  RawConnection connection = client();
  connection.send("HEAD /wrong HTTP/1.1\r\nHost: a\r\n\r\n");
  connection.readMessage(true);
  connection.shutdownWrite();
  EXPECT_THAT(connection.readAll(), ::testing::Not(HasSubstr("body!")));
  waitForScript();
}

// RFC 9110, 6.4.1: nor do 204 and 304.
TEST_F(ClientTest, ContentOfAResponseThatHasNoneDoesNotGoOn) {
  start([&](Http2Peer& peer, int) {
    if (!peer.start()) return;
    while (const auto stream = peer.nextRequest()) {
      const std::string status = peer.message(*stream).header(":path").substr(1);
      peer.send(
          http2::headers(*stream, hpack::block({{":status", status}})) +
          http2::data(*stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", http2::kEndStream));
    }
  });
  for (const char* path : {"/204", "/304"}) {
    RawConnection connection = client();
    connection.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.readMessage();
    connection.shutdownWrite();
    EXPECT_EQ(connection.readAll(), "") << path;
  }
}

// RFC 7541, 6.2.3 and 7.1.3: what the client marked as never to be indexed stays so.
TEST_F(ClientTest, FieldsNeverToBeIndexedStaySo) {
  Fields seen;
  start([&](Http2Peer& peer, int) {
    if (!peer.start()) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    seen = peer.message(*stream).head;
    peer.respond(*stream, 200);
    peer.roundTrip();
  });
  Http2Peer peer = http2Client();
  EXPECT_TRUE(peer.responds(
      peer.request(http2::get("/", {{"x-secret", "hunter2", true}, {"x-open", "1"}})), 200));
  waitForScript();
  stop();
  const auto secret = std::find_if(seen.begin(), seen.end(),
                                   [](const http2::Field& f) { return f.name == "x-secret"; });
  ASSERT_NE(secret, seen.end());
  EXPECT_TRUE(secret->never_indexed);
}

// 4.3.1: the origin's table.
TEST_F(ClientTest, KeepsToTheOriginsHeaderTable) {
  start([&](Http2Peer& peer, int) {
    if (!peer.start({{Setting::kHeaderTableSize, 0}})) return;
    while (const auto stream = peer.nextRequest()) peer.respond(*stream, 200);
    EXPECT_EQ(peer.decoder().tableBytes(), 0u);
    EXPECT_EQ(peer.violations(), "");
  });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask().status(), 200);
}

// 5.1.1, 5.1.2: odd numbers that grow; not more at once than the origin allows.
TEST_F(ClientTest, OpensNoMoreStreamsThanAllowed) {
  constexpr int kRequests = 12;
  std::atomic<int> most{0};
  start([&](Http2Peer& peer, int) {
    if (!peer.start({{Setting::kMaxConcurrentStreams, 2}})) return;
    std::vector<uint32_t> open;
    while (const auto stream = peer.nextRequest()) {
      open.push_back(*stream);
      // All that is on its way comes before the answer.
      peer.roundTrip();
      most = std::max<int>(most, static_cast<int>(peer.count(FrameType::kHeaders)) -
                                     static_cast<int>(open.size()) + 1);
      peer.respond(*stream, 200);
    }
    EXPECT_EQ(peer.violations(), "");
  });
  // The first learns of the limit.
  EXPECT_EQ(ask().status(), 200);
  std::vector<std::thread> clients;
  std::atomic<int> served{0};
  for (int i = 0; i < kRequests; ++i)
    clients.emplace_back([&] { served += ask().status() == 200 ? 1 : 0; });
  for (std::thread& thread : clients) thread.join();
  EXPECT_EQ(served, kRequests);
  stop();
  EXPECT_LE(most, 2);
}

// 6.5.2: a limit of 0 is no special case: nothing is sent until it is raised.
TEST_F(ClientTest, OpensNoStreamWhileNoneIsAllowed) {
  start([&](Http2Peer& peer, int) {
    if (!peer.start({{Setting::kMaxConcurrentStreams, 0}})) return;
    EXPECT_TRUE(peer.roundTrip());
    // What came before the limit was known may be there; nothing after it.
    const size_t before = peer.count(FrameType::kHeaders);
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(peer.count(FrameType::kHeaders), before);
    peer.sendSettings({{Setting::kMaxConcurrentStreams, 100}});
    while (const auto stream = peer.nextRequest()) peer.respond(*stream, 200);
    EXPECT_EQ(peer.violations(), "");
  });
  EXPECT_EQ(ask().status(), 200);
}

// 5.2.1, 6.9: the origin's windows are kept to the octet.
TEST_F(ClientTest, KeepsToTheOriginsWindows) {
  constexpr size_t kBytes = 200'000;
  size_t received = 0;
  start([&](Http2Peer& peer, int) {
    peer.manners.open_windows = false;
    if (!peer.start({{Setting::kInitialWindowSize, 0}})) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    const Message& message = peer.message(*stream);
    EXPECT_TRUE(peer.roundTrip());
    // 6.9.2: before SETTINGS came the window was 65535 octets, which Weir may have used.
    size_t allowed = message.body.size();
    const size_t early = allowed;
    if (early > 0) {
      peer.openWindow(*stream, static_cast<uint32_t>(early));
      peer.openWindow(0, static_cast<uint32_t>(early));
    }
    for (const uint32_t more : {0u, 1u, 10u, 20'000u}) {
      if (more > 0) peer.openWindow(*stream, more);
      allowed += more;
      EXPECT_TRUE(peer.until([&] { return message.body.size() >= allowed; })) << peer.whatCame();
      EXPECT_TRUE(peer.roundTrip());
      EXPECT_EQ(message.body.size(), allowed);
    }
    // The connection's window: 65535 in all.
    peer.openWindow(*stream, kBytes);
    EXPECT_TRUE(peer.until([&] { return message.body.size() >= early + http2::kDefaultWindow; }));
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(message.body.size(), early + http2::kDefaultWindow);
    peer.openWindow(0, kBytes);
    received = peer.finish(*stream).body.size();
    peer.respond(*stream, 200);
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(peer.violations(), "");
  });
  EXPECT_EQ(exchange(postOf(kBytes)).status(), 200);
  waitForScript();
  stop();
  EXPECT_EQ(received, kBytes);
}

// 6.9.2: a smaller initial window makes that of an open stream negative.
TEST_F(ClientTest, TracksANegativeWindow) {
  start([&](Http2Peer& peer, int) {
    peer.manners.open_windows = false;
    if (!peer.start({{Setting::kInitialWindowSize, 1000}})) return;
    auto stream = peer.nextRequest();
    if (!stream) return;
    const Message& message = peer.message(*stream);
    EXPECT_TRUE(peer.until([&] { return message.body.size() >= 1000; }));
    peer.roundTrip();
    const size_t sent = message.body.size();
    peer.sendSettings({{Setting::kInitialWindowSize, 400}});
    peer.openWindow(0, static_cast<uint32_t>(sent));
    peer.openWindow(*stream, static_cast<uint32_t>(sent) - 400);  // now 0
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(message.body.size(), sent);
    peer.openWindow(*stream, 5);
    EXPECT_TRUE(peer.until([&] { return message.body.size() == sent + 5; })) << peer.whatCame();
    peer.openWindow(*stream, 100'000);
    peer.openWindow(0, 100'000);
    peer.finish(*stream);
    peer.respond(*stream, 200);
    EXPECT_TRUE(peer.roundTrip());
  });
  EXPECT_EQ(exchange(postOf(70'000)).status(), 200);
  waitForScript();
}

// 4.2: larger frames only when the origin allows them.
TEST_F(ClientTest, KeepsToTheOriginsFrameSize) {
  start([&](Http2Peer& peer, int) {
    if (!peer.start({{Setting::kInitialWindowSize, 1'000'000}})) return;
    while (const auto stream = peer.nextRequest()) {
      peer.finish(*stream);
      peer.respond(*stream, 200);
    }
    EXPECT_EQ(peer.violations(), "");
  });
  EXPECT_EQ(exchange(postOf(300'000)).status(), 200);
}

// 5.2.2: responses larger than its windows come through: it opens them as its client reads.
TEST_F(ClientTest, OpensItsWindowsAsTheClientReads) {
  constexpr size_t kPiece = 16'384;
  constexpr size_t kPieces = 300;  // 4.7 MiB
  start([&](Http2Peer& peer, int) {
    if (!peer.start()) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    peer.send(http2::headers(*stream, kOkBlock));
    int64_t sent = 0;
    const auto given = [&] {
      int64_t sum = peer.theirSetting(Setting::kInitialWindowSize, http2::kDefaultWindow);
      for (const http2::Frame& frame : peer.frames())
        if (frame.type == FrameType::kWindowUpdate && frame.stream == *stream)
          sum += http2::readBigEndian(frame.payload);
      return std::min(sum, peer.sendWindow());
    };
    for (size_t i = 0; i < kPieces; ++i) {
      const bool room = peer.until([&] { return given() >= sent + static_cast<int64_t>(kPiece); });
      EXPECT_TRUE(room) << sent << " octets sent, " << given() << " allowed";
      if (!room) return;
      peer.send(http2::data(*stream, std::string(kPiece, 'x')));
      sent += kPiece;
    }
    peer.send(http2::data(*stream, "", http2::kEndStream));
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(peer.violations(), "");
  });
  const RawMessage response = ask();
  EXPECT_TRUE(response.complete);
  EXPECT_EQ(response.body.size(), kPiece * kPieces);
  waitForScript();
}

// 5.2: an origin that sends more than the window allows.
TEST_F(ClientTest, RefusesMoreThanItsWindow) {
  std::promise<void> refused;
  start([&](Http2Peer& peer, int number) {
    if (number > 0) return serve(peer);
    if (!peer.start()) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    peer.send(http2::headers(*stream, kOkBlock));
    const std::string piece = http2::data(*stream, std::string(16'384, 'x'));
    // No window is as large as this while the client does not read.
    for (int i = 0; i < 4000 && peer.send(piece); ++i) {
      peer.drain();
      if (peer.message(*stream).reset || !peer.goaways().empty()) break;
    }
    // GOAWAY may be lost on a connection that ends in the midst of so much.
    EXPECT_TRUE(peer.closed() || peer.streamError(*stream, {kFlowControlError}) ||
                peer.connectionError({kFlowControlError}, true));
    refused.set_value();
  });
  RawConnection connection = client();
  connection.setReceiveBuffer(4096);
  connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  refused.get_future().wait();
  EXPECT_EQ(ask("/other").status(), 200);
}

// 5.1, 6.4: a client that goes away resets its stream; the others of the connection go on, and what
// the origin had sent for it is given back to the connection's window.
TEST_F(ClientTest, AClientThatGoesAwayResetsItsStream) {
  std::promise<void> asked;
  start([&](Http2Peer& peer, int number) {
    if (number > 0 || !peer.start()) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    peer.send(http2::headers(*stream, kOkBlock) + http2::data(*stream, std::string(1000, 'x')));
    asked.set_value();
    EXPECT_TRUE(peer.until([&] { return peer.message(*stream).reset.has_value(); }));
    EXPECT_EQ(peer.message(*stream).reset, kCancel);
    // 5.1: what was on its way is taken.
    peer.send(http2::data(*stream, "late", http2::kEndStream));
    const auto next = peer.nextRequest();
    EXPECT_TRUE(next.has_value());
    if (next) peer.respond(*next, 200);
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(peer.count(FrameType::kRstStream, *stream), 1u);
    EXPECT_EQ(peer.violations(), "");
  });
  RawConnection gone = client();
  gone.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  asked.get_future().wait();
  gone.abort();
  EXPECT_TRUE(proxy().waitForStat("cluster_active_requests", 0, {{"cluster", "origin"}}));
  EXPECT_EQ(ask("/next").status(), 200);
  waitForScript();
}

// 8.1: RST_STREAM with NO_ERROR behind a whole response stops the rest of the request and takes
// nothing from the response.
TEST_F(ClientTest, AResponseBeforeTheRequestsEndIsDelivered) {
  start([&](Http2Peer& peer, int) {
    if (!peer.start({{Setting::kInitialWindowSize, 10}})) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    peer.respond(*stream, 200, "early");
    peer.send(http2::rstStream(*stream, kNoError));
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_TRUE(peer.goaways().empty()) << peer.whatCame();
  });
  RawConnection connection = client();
  connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbeginning");
  const RawMessage response = connection.readMessage();
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.body, "early");
  waitForScript();
}

// 6.4, 7: a stream that the origin resets, with any code, is a 502, or breaks what was begun.
TEST_F(ClientTest, AResetIsNoResponse) {
  for (const ErrorCode code :
       {kInternalError, kCancel, kHttp11Required, kNoError, static_cast<ErrorCode>(0xdeadbeef)}) {
    start([code](Http2Peer& peer, int) {
      if (!peer.start()) return;
      for (int i = 0; i < 2; ++i) {
        const auto stream = peer.nextRequest();
        if (!stream) return;
        if (peer.message(*stream).header(":path") == "/late")
          peer.send(http2::headers(*stream, kOkBlock) + http2::data(*stream, "part"));
        peer.send(http2::rstStream(*stream, code));
        EXPECT_TRUE(peer.roundTrip());
        EXPECT_EQ(peer.count(FrameType::kRstStream), 0u) << "5.4.2: not answered with another";
      }
      EXPECT_EQ(peer.violations(), "");
    });
    EXPECT_EQ(ask().status() / 100, 5) << http2::nameOf(code);
    const RawMessage late = ask("/late");
    EXPECT_TRUE(late.status() / 100 == 5 || !late.complete) << http2::nameOf(code);
    waitForScript();
    stop();
  }
}

// 8.7: REFUSED_STREAM says that nothing was done: the request may be sent again, even a POST.
TEST_F(ClientTest, ARefusedStreamIsSentAgain) {
  start([&](Http2Peer& peer, int number) {
    if (!peer.start()) return;
    bool refused = number > 0;
    while (const auto stream = peer.nextRequest()) {
      if (!std::exchange(refused, true)) {
        peer.send(http2::rstStream(*stream, kRefusedStream));
      } else {
        peer.finish(*stream);
        peer.respond(*stream, 200);
      }
    }
  });
  EXPECT_EQ(exchange(postOf(10)).status(), 200);
}

// 6.8: streams above the last of a GOAWAY were not worked on: they are sent again elsewhere.
TEST_F(ClientTest, RequestsThatGoawayLeavesOutAreSentAgain) {
  start([&](Http2Peer& peer, int number) {
    if (number > 0) return serve(peer);
    if (!peer.start() || !peer.nextRequest()) return;
    peer.send(http2::goaway(0, kNoError));
    EXPECT_TRUE(peer.readToEnd()) << "nothing is left to wait for";
    EXPECT_EQ(peer.count(FrameType::kHeaders), 1u);
  });
  EXPECT_EQ(exchange(postOf(10)).status(), 200);
  waitForScript();
}

// 6.8: streams up to it are answered, and no new one is opened beside them.
TEST_F(ClientTest, RequestsThatGoawayIncludesAreAnswered) {
  std::promise<void> said;
  std::promise<void> other_answered;
  start([&](Http2Peer& peer, int number) {
    if (number > 0) return serve(peer);
    if (!peer.start()) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    peer.send(http2::goaway(*stream, kNoError, "maintenance"));
    EXPECT_TRUE(peer.roundTrip());
    said.set_value();
    other_answered.get_future().wait();
    EXPECT_TRUE(peer.roundTrip());
    EXPECT_EQ(peer.count(FrameType::kHeaders), 1u);
    peer.respond(*stream, 200, "last words");
    EXPECT_TRUE(peer.readToEnd());
    EXPECT_EQ(peer.violations(), "");
  });
  RawConnection first = client();
  first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  said.get_future().wait();
  EXPECT_EQ(ask("/other").body, "served");
  other_answered.set_value();
  EXPECT_EQ(first.readMessage().body, "last words");
  waitForScript();
}

// 6.8: a graceful end comes in two steps, the first with the highest number there is.
TEST_F(ClientTest, AGracefulEndInTwoSteps) {
  start([&](Http2Peer& peer, int number) {
    if (number > 0) return serve(peer);
    if (!peer.start()) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    peer.send(http2::goaway(http2::kMaxWindow, kNoError));
    EXPECT_TRUE(peer.roundTrip());
    peer.send(http2::goaway(*stream, kNoError));
    peer.respond(*stream, 200, "whole");
    EXPECT_TRUE(peer.readToEnd());
  });
  EXPECT_EQ(ask().body, "whole");
  EXPECT_EQ(ask().body, "served");
  waitForScript();
}

// 5.4.3: a connection that ends without a word.
TEST_F(ClientTest, AConnectionThatEndsIsA502) {
  start([&](Http2Peer& peer, int) {
    if (!peer.start() || !peer.nextRequest()) return;
    // Returns: closes.
  });
  EXPECT_EQ(exchange(postOf(10)).status(), 502);
}

// 5.4.1: GOAWAY with an error ends what was not answered.
TEST_F(ClientTest, GoawayWithAnErrorIsA502) {
  start([&](Http2Peer& peer, int) {
    if (!peer.start()) return;
    const auto stream = peer.nextRequest();
    if (stream) peer.send(http2::goaway(*stream, kEnhanceYourCalm));
  });
  EXPECT_EQ(exchange(postOf(10)).status(), 502);
}

// 6.8, towards clients: a graceful end says first that no more requests are taken, then up to which
// they were; what was asked is answered, and the number never grows (violations()).
TEST_F(ClientTest, EndsGracefullyTowardsItsClients) {
  std::promise<void> draining;
  start([&](Http2Peer& peer, int) {
    if (!peer.start()) return;
    const auto stream = peer.nextRequest();
    if (!stream) return;
    draining.get_future().wait();
    peer.respond(*stream, 200, "last words");
    EXPECT_TRUE(peer.readToEnd());
  });
  Http2Peer peer = http2Client();
  const uint32_t stream = peer.request();
  ASSERT_TRUE(peer.roundTrip());
  std::thread ending([&] { proxy().shutdown(); });
  EXPECT_TRUE(peer.until([&] { return !peer.goaways().empty(); })) << peer.whatCame();
  draining.set_value();
  EXPECT_TRUE(peer.responds(stream, 200));
  EXPECT_EQ(peer.message(stream).body, "last words");
  EXPECT_TRUE(peer.readToEnd());
  ending.join();
  for (const http2::Goaway& goaway : peer.goaways()) EXPECT_EQ(goaway.code, kNoError);
  EXPECT_GE(peer.goaways().back().last_stream, stream);
  EXPECT_EQ(peer.violations(), "");
}

// RFC 8441, 3: :protocol only to an origin that said it knows it.
TEST_F(ClientTest, SendsNoProtocolToWhoDoesNotKnowIt) {
  std::string protocol = "none";
  start([&](Http2Peer& peer, int) {
    if (!peer.start()) return;
    while (const auto stream = peer.nextRequest()) {
      const Message& message = peer.message(*stream);
      if (message.count(":protocol") != 0) protocol = message.header(":protocol");
      peer.respond(*stream, 200);
    }
    EXPECT_EQ(peer.violations(), "");
  });
  const RawMessage response = exchange(
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_NE(response.status(), 101);
  stop();
  EXPECT_EQ(protocol, "none");
}

}  // namespace
}  // namespace weir::conformance
