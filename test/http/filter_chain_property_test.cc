// Random filters with random verdicts and random resume times against what a chain must do: every
// byte arrives, once, in order; heads before bodies; a paused filter is left alone; everybody is
// told of the end once and called no more.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "source/http/filter_chain.h"
#include "test/http/filter_chain_fixture.h"

namespace weir::http {
namespace {

struct HalfModel {
  BodyMode mode = BodyMode::kNone;
  bool paused = false;
  bool head = false;
  bool end = false;
  bool trailers = false;
  int body_calls = 0;
  std::string body;
};

class Model;

class RandomFilter final : public HttpFilter {
 public:
  RandomFilter(Model& model, BodyNeeds needs) : model_(model), needs_(needs) {
    halves[0].mode = needs.request;
    halves[1].mode = needs.response;
  }
  BodyNeeds bodyNeeds() const override { return needs_; }
  Verdict onRequestHead(RequestHead&, bool end) override { return head(0, end); }
  Verdict onRequestBody(buffer::Buffer& d, bool end) override { return body(0, d, end); }
  Verdict onRequestTrailers(HeaderMap&) override { return trailers(0); }
  Verdict onResponseHead(ResponseHead&, bool end) override { return head(1, end); }
  Verdict onResponseBody(buffer::Buffer& d, bool end) override { return body(1, d, end); }
  Verdict onResponseTrailers(HeaderMap&) override { return trailers(1); }
  void onAnswerBlocked(bool now) override {
    EXPECT_EQ(ended, 0);
    EXPECT_NE(blocked, now);
    blocked = now;
    if (!now && answering) sendSome();
  }
  void onStreamEnd() override { ++ended; }

  // Answers with the model's text, as long as it is not blocked and chance lets it.
  void answer();
  void sendSome();

  HalfModel halves[2];
  int ended = 0;
  bool answering = false;
  bool blocked = false;
  size_t said = 0;

 private:
  Verdict head(int d, bool end);
  Verdict body(int d, buffer::Buffer& data, bool end);
  Verdict trailers(int d);
  Verdict verdict(int d);
  void haveAccident();
  Model& model_;
  const BodyNeeds needs_;
};

class Model : public ChainUnderTest {
 public:
  explicit Model(uint64_t seed) : random(seed) {}

  bool chance(int percent) { return random.uniform(100) < static_cast<uint64_t>(percent); }
  void run(bool with_accidents);
  void runAnswer();

  base::Random random;
  std::vector<RandomFilter*> filters;
  std::string answer;  // of a filter, where one does
  int pause_percent = 0;
  RandomFilter* answerer = nullptr;  // in its call
  bool accidents = false;
  bool accident = false;

 private:
  struct Message {
    std::vector<std::string> pieces;
    bool bodiless = false;
    bool with_trailers = false;
    size_t next = 0;  // 0: head, then pieces, then trailers
    std::string all;
    bool done() const {
      return next > 0 && (bodiless || next == pieces.size() + 1 + with_trailers);
    }
  };
  Message makeMessage();
  void sendNext(int direction);
  void resumeOne();
  void check();
  Message messages_[2];
};

Verdict RandomFilter::verdict(int d) {
  EXPECT_EQ(ended, 0);
  EXPECT_FALSE(halves[d].paused);
  if (model_.accidents && model_.chance(2)) haveAccident();
  bool resumed = false;
  for (int direction = 0; direction < 2; ++direction) {
    if (!model_.chance(8)) continue;
    direction == 0 ? handle().resumeRequest() : handle().resumeResponse();
    halves[direction].paused = false;
    resumed |= direction == d;
  }
  if (!model_.chance(model_.pause_percent)) return Verdict::kContinue;
  halves[d].paused = !resumed;
  return Verdict::kPause;
}

void RandomFilter::answer() {
  ResponseHead* const head = handle().beginAnswer();
  ASSERT_NE(head, nullptr);
  head->status = 200;
  head->framing = BodyFraming::kContentLength;
  head->content_length = model_.answer.size();
  answering = true;
  handle().answerHead(false);
  sendSome();
}

void RandomFilter::sendSome() {
  while (!blocked && said < model_.answer.size() && !model_.chance(20)) {
    const size_t size =
        std::min<size_t>(model_.random.uniform(100'000), model_.answer.size() - said);
    buffer::Buffer data(handle().blocks());
    data.append(std::string_view(model_.answer).substr(said, size));
    said += size;
    handle().answerBody(data, said == model_.answer.size());
  }
}

void RandomFilter::haveAccident() {
  model_.accident = true;
  switch (model_.random.uniform(3)) {
    case 0:
      return handle().localReply({.status = 599, .body = "reply"});
    case 1:
      return handle().reset({ErrorOrigin::kLocal, ErrorReason::kFilter});
    default:
      return model_.chain.end();
  }
}

Verdict RandomFilter::head(int d, bool end) {
  HalfModel& half = halves[d];
  EXPECT_FALSE(half.head);
  half.head = true;
  half.end = end;
  if (half.mode == BodyMode::kStream && model_.chance(25)) {
    d == 0 ? handle().holdRequestHead() : handle().holdResponseHead();
  }
  if (d == 0 && model_.answerer == this) return answer(), Verdict::kPause;
  return verdict(d);
}

Verdict RandomFilter::body(int d, buffer::Buffer& data, bool end) {
  HalfModel& half = halves[d];
  EXPECT_TRUE(half.head);
  EXPECT_FALSE(half.end || half.trailers);
  EXPECT_NE(half.mode, BodyMode::kNone);
  EXPECT_TRUE(half.mode != BodyMode::kCollect || half.body_calls == 0);
  ++half.body_calls;
  half.body += data.toString();
  half.end = end;
  return verdict(d);
}

Verdict RandomFilter::trailers(int d) {
  HalfModel& half = halves[d];
  EXPECT_TRUE(half.head);
  EXPECT_FALSE(half.end || half.trailers);
  half.trailers = true;
  return verdict(d);
}

Model::Message Model::makeMessage() {
  Message message;
  message.bodiless = chance(15);
  message.with_trailers = chance(25);
  const size_t count = random.uniform(6) + (message.with_trailers ? 0 : 1);
  for (size_t i = 0; i < count; ++i) {
    const size_t size = chance(20) ? random.uniform(100 * 1024) : random.uniform(40);
    std::string piece(size, 'x');
    for (size_t k = 0; k < size; ++k) piece[k] = static_cast<char>('a' + (i + k) % 26);
    message.all += piece;
    message.pieces.push_back(std::move(piece));
  }
  if (message.bodiless) message.all.clear();
  return message;
}

void Model::sendNext(int direction) {
  Message& message = messages_[direction];
  const size_t at = message.next++;
  if (at == 0) {
    if (direction == 0) return chain.requestHead(message.bodiless);
    terminal->begin(200, BodyFraming::kChunked);
    return chain.respondHead(message.bodiless);
  }
  if (at <= message.pieces.size()) {
    buffer::Buffer data(blocks);
    data.append(message.pieces[at - 1]);
    const bool end = at == message.pieces.size() && !message.with_trailers;
    direction == 0 ? chain.requestBody(data, end) : chain.respondBody(data, end);
    return;
  }
  direction == 0 ? chain.requestTrailers() : chain.respondTrailers();
}

void Model::resumeOne() {
  if (filters.empty()) return;
  RandomFilter& filter = *filters[random.uniform(filters.size())];
  if (filter.ended > 0) return;
  if (chance(50)) {
    filter.halves[0].paused = false;
    filter.handle().resumeRequest();
  } else {
    filter.halves[1].paused = false;
    filter.handle().resumeResponse();
  }
}

void Model::run(bool with_accidents) {
  accidents = with_accidents;
  pause_percent = static_cast<int>(random.uniform(60));
  build({});
  const size_t count = random.uniform(6);
  for (size_t i = 0; i < count; ++i) {
    BodyNeeds needs{static_cast<BodyMode>(random.uniform(3)),
                    static_cast<BodyMode>(random.uniform(3))};
    filters.push_back(arena.create<RandomFilter>(*this, needs));
    chain.addFilter(*filters.back());
  }
  messages_[0] = makeMessage();
  messages_[1] = makeMessage();
  for (int step = 0; step < 3000; ++step) {
    const bool requested = messages_[0].next > 0;
    const bool may_send = !messages_[0].done() && (!requested || sink.reading());
    const bool blocked = !terminal_script.blocked.empty() && terminal_script.blocked.back();
    const bool may_respond =
        seen().line != "" && !messages_[1].done() && !blocked && (accident || !seen().ended);
    if (may_send && chance(40)) {
      sendNext(0);
    } else if (may_respond && chance(50)) {
      sendNext(1);
    } else {
      resumeOne();
    }
    if (accident || (seen().complete && sink.ended)) break;
  }
  if (!accident) check();
  // Whatever happened: at most one head, and the end is told once.
  EXPECT_LE(sink.heads, 1);
  EXPECT_FALSE(sink.after_end);
  EXPECT_FALSE(sink.body_before_head);
  chain.end();
  EXPECT_TRUE(seen().ended);
  for (RandomFilter* filter : filters) EXPECT_EQ(filter->ended, 1);
  chain.clear();
  EXPECT_EQ(blocks.bytesInUse(), 0u);
}

// One filter answers, from its call or later; those before it see and pass on all of it, however
// they pause and the client is slow.
void Model::runAnswer() {
  pause_percent = static_cast<int>(random.uniform(60));
  build({});
  const size_t count = random.uniform(5) + 1;
  for (size_t i = 0; i < count; ++i) {
    filters.push_back(arena.create<RandomFilter>(
        *this, BodyNeeds{BodyMode::kNone, chance(50) ? BodyMode::kStream : BodyMode::kNone}));
    chain.addFilter(*filters.back());
  }
  answer.resize(random.uniform(2'000'000) + 1);
  for (size_t i = 0; i < answer.size(); ++i) answer[i] = static_cast<char>('a' + i % 23);
  const size_t who = random.uniform(count);
  RandomFilter& filter = *filters[who];
  answerer = chance(50) ? &filter : nullptr;
  bool client_blocked = false;
  chain.requestHead(true);
  for (int step = 0; step < 5000 && !sink.ended; ++step) {
    if (!filter.answering && filter.halves[0].head && !filter.halves[1].head) filter.answer();
    if (chance(10)) chain.responseBlocked(client_blocked = !client_blocked);
    if (filter.answering && !filter.blocked && chance(50)) filter.sendSome();
    resumeOne();
  }
  EXPECT_TRUE(sink.ended);
  EXPECT_EQ(sink.heads, 1);
  EXPECT_TRUE(sink.body == answer);
  EXPECT_EQ(sink.resets, 0);
  for (size_t i = 0; i < count; ++i) {
    EXPECT_EQ(filters[i]->halves[1].head, i < who);
    if (i < who && filters[i]->halves[1].mode == BodyMode::kStream) {
      EXPECT_TRUE(filters[i]->halves[1].body == answer);
    }
  }
  chain.end();
  for (RandomFilter* each : filters) EXPECT_EQ(each->ended, 1);
  chain.clear();
  EXPECT_EQ(blocks.bytesInUse(), 0u);
}

void Model::check() {
  ASSERT_TRUE(messages_[0].done());
  ASSERT_TRUE(messages_[1].done());
  EXPECT_EQ(seen().body, messages_[0].all);
  EXPECT_TRUE(seen().complete);
  EXPECT_EQ(sink.heads, 1);
  EXPECT_EQ(sink.body, messages_[1].all);
  EXPECT_TRUE(sink.ended);
  EXPECT_EQ(sink.trailers, messages_[1].with_trailers && !messages_[1].bodiless);
  for (RandomFilter* filter : filters) {
    for (int d = 0; d < 2; ++d) {
      const HalfModel& half = filter->halves[d];
      const Message& message = messages_[d];
      EXPECT_TRUE(half.head);
      EXPECT_EQ(half.trailers, message.with_trailers && !message.bodiless);
      EXPECT_EQ(half.body, half.mode == BodyMode::kNone ? "" : message.all);
      if (half.mode == BodyMode::kCollect) {
        EXPECT_EQ(half.body_calls, message.bodiless ? 0 : 1);
      }
      if (half.mode == BodyMode::kStream && !message.with_trailers) {
        EXPECT_TRUE(half.end);
      }
    }
  }
}

TEST(FilterChainProperty, EverythingArrivesOnceAndInOrder) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    model.run(false);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(FilterChainProperty, AnswersOfFiltersArriveOnceAndInOrder) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    model.runAnswer();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(FilterChainProperty, AccidentsEndStreamsOnce) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    model.run(true);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir::http
