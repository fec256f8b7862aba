// RFC 9218: what goes first.
#include "source/http/http2/priority.h"

#include <string>

#include "gtest/gtest.h"

#include "test/http/http2/raw_peer.h"

namespace weir::http::http2 {
namespace {

TEST(PriorityFieldTest, Values) {
  const struct {
    const char* value;
    bool good;
    Priority priority;
  } rows[] = {
      {"", true, {3, false}},
      {"u=0", true, {0, false}},
      {"u=7, i", true, {7, true}},
      {"i=?1,u=2", true, {2, true}},
      {"u=5,i=?0", true, {5, false}},
      {"u=1, u=6", true, {6, false}},
      {"u=8", true, {3, false}},
      {"u=-1", true, {3, false}},
      {"u=\"1\"", true, {3, false}},
      {"i=1", true, {3, false}},
      {"u=1;x=2;y, i;z", true, {1, true}},
      {"x=(a b \"c)\"), u=1", false, {3, false}},
      {"x=(a b), u=1", true, {1, false}},
      {"x=\"a, b\\\"\", u=1", true, {1, false}},
      {"u=1,", false, {3, false}},
      {"U=1", false, {3, false}},
      {"u=", false, {3, false}},
      {"u=1 i", false, {3, false}},
      {"=1", false, {3, false}},
      {"x=\"", false, {3, false}},
      {"x=\"\\", false, {3, false}},
  };
  for (const auto& row : rows) {
    Priority priority;
    EXPECT_EQ(mergePriority(row.value, priority), row.good) << row.value;
    EXPECT_EQ(priority.urgency, row.priority.urgency) << row.value;
    EXPECT_EQ(priority.incremental, row.priority.incremental) << row.value;
  }
  Priority merged{1, true};
  EXPECT_TRUE(mergePriority("u=4", merged));
  EXPECT_EQ(merged, (Priority{4, true}));
}

class SchedulingTest : public ::testing::Test {
 protected:
  SchedulingTest() { peer_.start({{raw::Setting::kInitialWindowSize, raw::kMaxWindow}}); }

  void ask(uint32_t stream, std::string_view priority) {
    raw::Fields fields;
    if (!priority.empty()) fields.push_back({"priority", std::string(priority)});
    peer_.send(peer_.request(stream, true, fields));
  }
  void answerAll(size_t size, std::string_view priority = {}) {
    for (ServerSideStream& stream : peer_.server.streams) {
      ResponseHead head;
      head.status = 200;
      head.framing = BodyFraming::kContentLength;
      head.content_length = size;
      if (!priority.empty()) head.headers.add("priority", priority);
      stream.encoder->encodeHead(head, false);
      stream.sendBody(std::string(size, 'b'), true);
    }
  }
  // Streams by their DATA frames, without repeats in a row.
  std::vector<uint32_t> sent() {
    peer_.send(raw::windowUpdate(0, 100'000'000));
    for (int i = 0; i < 50; ++i) peer_.receive();
    std::vector<uint32_t> streams;
    for (const raw::Frame& frame : peer_.frames) {
      if (frame.type != raw::FrameType::kData) continue;
      if (streams.empty() || streams.back() != frame.stream) streams.push_back(frame.stream);
    }
    return streams;
  }

  RawClient peer_;
};

using Streams = std::vector<uint32_t>;

TEST_F(SchedulingTest, UrgentOnesFirst) {
  ask(1, "u=5");
  ask(3, "u=0");
  ask(5, "u=3");
  answerAll(100'000);
  EXPECT_EQ(sent(), (Streams{3, 5, 1}));
}

TEST_F(SchedulingTest, OfTheSameUrgencyOneAfterTheOther) {
  ask(1, "u=3");
  ask(3, "u=3");
  answerAll(100'000);
  EXPECT_EQ(sent(), (Streams{1, 3}));
}

TEST_F(SchedulingTest, IncrementalOnesTakeTurns) {
  ask(1, "i");
  ask(3, "i");
  answerAll(64'000);
  const Streams streams = sent();
  EXPECT_GE(streams.size(), 6u);
}

TEST_F(SchedulingTest, WithoutASignalTheyShare) {
  ask(1, "");
  ask(3, "");
  answerAll(200'000);
  const Streams streams = sent();
  EXPECT_GE(streams.size(), 10u);
}

TEST_F(SchedulingTest, PriorityUpdateOfAnOpenStream) {
  ask(1, "u=1");
  ask(3, "u=6");
  answerAll(100'000);
  peer_.send(raw::priorityUpdate(3, "u=0"));
  const Streams streams = sent();
  EXPECT_EQ(streams.back(), 1u);
}

TEST_F(SchedulingTest, PriorityUpdateBeforeTheRequestCountsForMore) {
  peer_.send(raw::priorityUpdate(3, "u=0"));
  ask(1, "u=1");
  ask(3, "u=7");
  answerAll(100'000);
  EXPECT_EQ(sent(), (Streams{3, 1}));
}

TEST_F(SchedulingTest, TheOriginMayKnowBetter) {
  ask(1, "u=1");
  ask(3, "u=2");
  ServerSideStream& first = peer_.server.at(0);
  ResponseHead head;
  head.status = 200;
  head.headers.add("Priority", "u=7");
  first.encoder->encodeHead(head, false);
  first.sendBody(std::string(100'000, 'a'), true);
  peer_.server.at(1).respond(200, std::string(100'000, 'b'));
  EXPECT_EQ(sent(), (Streams{3, 1}));
}

TEST_F(SchedulingTest, TheOldTreeIsIgnored) {
  ask(1, "u=1");
  ask(3, "u=2");
  peer_.send(raw::priority(1, 3, 255, true));
  answerAll(100'000);
  EXPECT_EQ(sent(), (Streams{1, 3}));
  EXPECT_EQ(peer_.error.detail(), "");
}

}  // namespace
}  // namespace weir::http::http2
