// What RFC 9113, 10.5 warns of, at full speed against the real binary with its default limits (and
// shorter time-outs): each flood for a second, for ten when WEIR_LONG is set. The process lives,
// its memory stays within bounds, others are served within a second all the while, and the limit's
// counter tells of it.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/http2_peer.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir::conformance {
namespace {

namespace http2 = test::http2;
namespace hpack = test::http2::hpack;
using http2::ErrorCode;
using http2::FrameType;
using http2::Http2Peer;
using http2::Setting;
using std::chrono::steady_clock;

constexpr uint8_t kWhole = http2::kEndHeaders | http2::kEndStream;
constexpr int kAttackers = 2;
constexpr int kWarmUp = 20;
constexpr size_t kLargeBytes = 1 << 20;
// What a process may grow by under attack. Two connections' windows and buffers, the streams they
// have open, and what the allocator keeps; far below what the floods would fill without limits.
constexpr size_t kMostGrowth = 64 << 20;

std::chrono::milliseconds floodTime() {
  return std::getenv("WEIR_LONG") != nullptr ? std::chrono::seconds(10) : std::chrono::seconds(1);
}

bool sanitized() {
  return std::getenv("WEIR_SANITIZER") != nullptr;
}

std::string repeated(const std::string& bytes, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += bytes;
  return all;
}

std::string getBlock(std::string_view path = "/") {
  return hpack::block(http2::get(path));
}

// One connection of an attacker: `begin` once, then `more` until it returns false (what it sends is
// refused, or the connection has ended).
struct Flood {
  const char* name;
  const char* limit;  // the label of the counter that must rise; "": protocol errors
  std::function<bool(Http2Peer& peer)> begin;
  std::function<bool(Http2Peer& peer)> more;
};
void PrintTo(const Flood& flood, std::ostream* out) {
  *out << flood.name;
}

bool started(Http2Peer& peer) {
  return peer.start();
}

bool startedWithOpenStream(Http2Peer& peer) {
  if (!peer.start()) return false;
  peer.request(http2::post("/"), false);
  return true;
}

// The same bytes again and again.
std::function<bool(Http2Peer&)> sending(std::string bytes) {
  return [bytes = std::move(bytes)](Http2Peer& peer) { return peer.send(bytes); };
}

// Whole requests, `each` makes the bytes of one by its stream's number; 100 at a time.
std::function<bool(Http2Peer&)> requesting(std::function<std::string(uint32_t stream)> each) {
  return [each = std::move(each)](Http2Peer& peer) {
    std::string bytes;
    for (int i = 0; i < 100; ++i) {
      bytes += each(peer.nextStream());
      peer.skipStreams(peer.nextStream() + 2);
    }
    return peer.send(bytes);
  };
}

std::string hpackBomb(uint32_t stream) {
  // One entry that fills the table, and as many references to it as a frame takes.
  return http2::headers(
      stream,
      getBlock() + hpack::literal("x-bomb", std::string(4000, 'b'), hpack::Literal::kIncremental) +
          repeated(hpack::indexed(62), 12'000),
      kWhole);
}

// So few octets that the windows, which open as the origin reads them, hold no attacker back.
bool sendTinyData(Http2Peer& peer) {
  static const std::string kFrames = repeated(http2::data(1, "x"), 1000);
  return peer.send(kFrames);
}

const Flood kFloods[] = {
    {"RapidReset", "resets", started, requesting([](uint32_t stream) {
       return http2::headers(stream, getBlock(), kWhole) +
              http2::rstStream(stream, ErrorCode::kCancel);
     })},
    {"ResetsByTheServer", "", started, requesting([](uint32_t stream) {
       return http2::headers(stream, hpack::block(http2::post("/", {{"content-length", "1"}}))) +
              http2::data(stream, "more", http2::kEndStream);
     })},
    {"ContinuationWithoutEnd", "continuation_frames",
     [](Http2Peer& peer) {
       return peer.start() && peer.send(http2::headers(1, getBlock(), http2::kEndStream));
     },
     sending(repeated(http2::continuation(1, hpack::literal("x", "1"), 0), 1000))},
    {"EmptyContinuation", "continuation_frames",
     [](Http2Peer& peer) {
       return peer.start() && peer.send(http2::headers(1, getBlock(), http2::kEndStream));
     },
     sending(repeated(http2::continuation(1, "", 0), 1000))},
    {"EmptyData", "empty_data", startedWithOpenStream, sending(repeated(http2::data(1, ""), 1000))},
    {"PaddedEmptyData", "empty_data", startedWithOpenStream,
     sending(repeated(http2::data(1, http2::paddedPayload("", 0), http2::kPadded), 1000))},
    {"TinyData", "tiny_data", startedWithOpenStream, sendTinyData},
    {"Settings", "settings", started,
     sending(repeated(http2::settings({{Setting::kInitialWindowSize, 70'000}}), 500))},
    {"EmptySettings", "settings", started, sending(repeated(http2::settings(), 1000))},
    {"Ping", "pings", started, sending(repeated(http2::ping("flooding"), 1000))},
    {"Priority", "priorities", started, sending(repeated(http2::priority(1, 0, 16), 1000))},
    {"PriorityUpdate", "priorities", started,
     sending(repeated(http2::priorityUpdate(1, "u=1"), 1000))},
    {"UnknownFrames", "unknown_frames", started,
     sending(repeated(http2::frame(static_cast<FrameType>(0xbb), 0, 0, "x"), 1000))},
    {"WindowUpdates", "window_updates", startedWithOpenStream,
     sending(repeated(http2::windowUpdate(1, 1), 1000))},
    {"WindowOverflow", "", started, sending(http2::windowUpdate(0, http2::kMaxWindow))},
    {"MoreThanTheWindow", "", startedWithOpenStream,
     sending(repeated(http2::data(1, std::string(16'384, 'x')), 16))},
    {"HpackBomb", "head_bytes", started, requesting(hpackBomb)},
    {"LargeHeads", "head_bytes", started, requesting([](uint32_t stream) {
       return http2::headers(stream, getBlock(), http2::kEndStream) +
              repeated(
                  http2::continuation(stream, hpack::literal("x", std::string(16'000, 'v')), 0),
                  5) +
              http2::continuation(stream, "");
     })},
    {"ManyFields", "head_fields", started, requesting([](uint32_t stream) {
       return http2::headers(stream, getBlock() + repeated(hpack::literal("x", ""), 2000), kWhole);
     })},
    {"MoreStreamsThanAllowed", "streams",
     [](Http2Peer& peer) { return peer.start({{Setting::kInitialWindowSize, 0}}); },
     requesting(
         [](uint32_t stream) { return http2::headers(stream, getBlock("/large"), kWhole); })},
    // Big answers on many streams, and no window for any.
    {"StalledWindows", "stalled_window",
     [](Http2Peer& peer) {
       if (!peer.start({{Setting::kInitialWindowSize, 0}})) return false;
       for (int i = 0; i < 100; ++i) peer.request(http2::get("/large"));
       return true;
     },
     // Until the server gives up the streams.
     [](Http2Peer& peer) { return peer.next().has_value() && !peer.message(199).over(); }},
};

size_t memory(pid_t pid, const char* field) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(field))
      return std::strtoull(line.c_str() + line.find(':') + 1, nullptr, 10);
  }
  return 0;
}

class FloodTest : public ::testing::TestWithParam<Flood> {
 public:
  static std::string nameOf(const ::testing::TestParamInfo<Flood>& info) { return info.param.name; }

 protected:
  void SetUp() override {
    port_ = weir_.port("edge");
    ASSERT_NE(port_, 0) << weir_.process().err();
    // Warm: what every connection needs is there.
    for (int i = 0; i < kWarmUp; ++i) ASSERT_EQ(probe(), "");
  }

  // Attacks until `end` is set; counts connections.
  void attack(const Flood& flood) {
    while (!end_) {
      Http2Peer peer = Http2Peer::connectTo(port_);
      if (peer.fd() < 0) continue;
      peer.manners.keep_frames = false;
      peer.patience = std::chrono::seconds(4);
      ++connections_;
      if (!flood.begin(peer)) continue;
      while (!end_ && flood.more(peer)) {
        ++pieces_;
        peer.drain();
        if (peer.closed()) break;
      }
      // Leaves without a word, as attackers do.
      peer.abort();
    }
  }

  static constexpr std::chrono::seconds kPromptly{1};

  // A request on a connection of its own; what is wrong with it, or "".
  std::string probe() const {
    const auto begin = steady_clock::now();
    test::RawConnection client = test::RawConnection::connectTo(port_);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const int status = client.readMessage().status();
    const auto took = steady_clock::now() - begin;
    if (status != 200) return "status " + std::to_string(status);
    return took < kPromptly ? "" : "took " + std::to_string(took / std::chrono::milliseconds(1));
  }

  int64_t counted(const Flood& flood) {
    if (*flood.limit == '\0') return weir_.stat("http2_protocol_errors_total");
    return weir_.stat("http2_limits_total", "limit=\"" + std::string(flood.limit) + "\"");
  }

  size_t resident() { return memory(weir_.process().pid(), "VmRSS") << 10; }

  static void serve(test::RawConnection& connection, int) {
    static const std::string kLarge =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kLargeBytes) + "\r\n\r\n" +
        std::string(kLargeBytes, 'x');
    while (true) {
      const test::RawMessage request = connection.readMessage();
      if (!request.complete) return;
      const bool wants_large = request.target() == "/large";
      if (!connection.send(wants_large ? kLarge : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        return;
    }
  }

  test::ScriptedOrigin origin_{serve};
  test::WeirProcess weir_{
      test::edgeListener("http2 { limits { stalled_window_timeout { nanos: 500000000 } } }") +
      test::cluster("origin", {origin_.address()}) + test::runtime(1)};
  uint16_t port_ = 0;
  std::atomic<bool> end_{false};
  std::atomic<uint64_t> connections_{0};
  std::atomic<uint64_t> pieces_{0};
};

TEST_P(FloodTest, IsWithstood) {
  const Flood& flood = GetParam();
  const size_t before = resident();
  std::vector<std::thread> attackers;
  for (int i = 0; i < kAttackers; ++i) attackers.emplace_back([&] { attack(flood); });

  const auto begin = steady_clock::now();
  size_t most = before;
  uint64_t probes = 0;
  std::string wrong;
  while (steady_clock::now() - begin < floodTime() ||
         // Some limits are far from what a second brings; they are reached all the same.
         (counted(flood) <= 0 && steady_clock::now() - begin < std::chrono::seconds(20))) {
    const std::string found = probe();
    if (!found.empty()) wrong += found + "; ";
    ++probes;
    most = std::max(most, resident());
    if (!weir_.process().running()) break;
  }
  end_ = true;
  for (std::thread& thread : attackers) thread.join();

  ASSERT_TRUE(weir_.process().running()) << weir_.process().err();
  EXPECT_EQ(wrong, "") << "of " << probes << " probes";
  EXPECT_GT(probes, 0u);
  EXPECT_GT(counted(flood), 0) << flood.limit;
  const size_t growth = most - before;
  RecordProperty("connections", static_cast<int>(connections_));
  RecordProperty("pieces", static_cast<int>(pieces_));
  RecordProperty("probes", static_cast<int>(probes));
  RecordProperty("resident_growth_kib", static_cast<int>(growth >> 10));
  std::printf("%s: %llu connections, %llu pieces, %llu probes, resident %zu KiB + %zu KiB\n",
              flood.name, static_cast<unsigned long long>(connections_),
              static_cast<unsigned long long>(pieces_), static_cast<unsigned long long>(probes),
              before >> 10, growth >> 10);
  if (!sanitized()) {
    EXPECT_LT(growth, kMostGrowth);
  }
  // Nothing of it stays.
  const std::pair<const char*, const char*> gauges[] = {{"http_active_streams", "manager=\"edge\""},
                                                        {"cluster_active_requests", ""}};
  for (const auto& [gauge, label] : gauges) {
    const auto value = [&, name = gauge, of = label] { return weir_.stat(name, of); };
    EXPECT_TRUE(test::eventually([&] { return value() == 0; }, std::chrono::seconds(20)))
        << gauge << " is " << value();
  }
  EXPECT_EQ(probe(), "");
}
INSTANTIATE_TEST_SUITE_P(Http2, FloodTest, ::testing::ValuesIn(kFloods), FloodTest::nameOf);

}  // namespace
}  // namespace weir::conformance
