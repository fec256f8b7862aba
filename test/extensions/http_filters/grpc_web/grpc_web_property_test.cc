// Whole calls, unary and streaming, cut into pieces at every place, against what a whole-body
// translation gives.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "test/extensions/http_filters/grpc_web/grpc_web_fixture.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

struct Call {
  bool text_request = false;
  bool text_answer = false;
  std::vector<std::string> questions;  // framed messages
  std::vector<std::string> answers;
  std::string trailer;
};

std::string join(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += part;
  return all;
}

std::string frameOfTrailers(const Call& call) {
  return message("grpc-status: 0\r\nx-note: " + call.trailer + "\r\n", '\x80');
}

// What goes over the wire from the client and back to it, made as a whole.
std::string wireRequest(const Call& call, base::Random& random) {
  if (!call.text_request) return join(call.questions);
  if (random.uniform(2) == 0) return toBase64(join(call.questions));
  std::string text;
  for (const std::string& one : call.questions) text += toBase64(one);
  return text;
}
std::string wireAnswer(const Call& call) {
  std::string wire;
  for (const std::string& one : call.answers) wire += call.text_answer ? toBase64(one) : one;
  const std::string last = frameOfTrailers(call);
  return wire + (call.text_answer ? toBase64(last) : last);
}

// `ends`: where the pieces end.
std::vector<std::string> cutAt(const std::string& bytes, std::vector<size_t> ends) {
  ends.push_back(bytes.size());
  std::sort(ends.begin(), ends.end());
  std::vector<std::string> pieces;
  size_t at = 0;
  for (const size_t end : ends) {
    pieces.push_back(bytes.substr(at, end - at));
    at = end;
  }
  return pieces;
}

// Runs `call` in the pieces given and compares.
void play(GrpcWebChain& proxy, const Call& call, const std::vector<std::string>& request_pieces,
          const std::vector<std::string>& answer_pieces) {
  proxy.client = {};
  proxy.request(
      call.text_request ? "application/grpc-web-text" : "application/grpc-web",
      {{"accept", call.text_answer ? "application/grpc-web-text" : "application/grpc-web"}});
  for (size_t i = 0; i < request_pieces.size(); ++i) {
    proxy.sendBody(request_pieces[i], i + 1 == request_pieces.size());
  }
  ASSERT_EQ(proxy.seen().body, join(call.questions));
  ASSERT_TRUE(proxy.seen().complete);
  proxy.answerHead("application/grpc", false);
  size_t sent = 0;
  for (const std::string& piece : answer_pieces) {
    proxy.answerBody(piece, false);
    sent += piece.size();
    // All but what does not fill three bytes has left.
    const size_t got =
        call.text_answer ? fromBase64(proxy.client.body).size() : proxy.client.body.size();
    ASSERT_GE(got + (call.text_answer ? 2 : 0), sent);
  }
  proxy.answerTrailers({{"grpc-status", "0"}, {"X-Note", call.trailer}});
  ASSERT_EQ(proxy.client.body, wireAnswer(call));
  ASSERT_TRUE(proxy.client.ended);
  ASSERT_FALSE(proxy.client.trailing);
  proxy.clear();
  ASSERT_EQ(proxy.blocks.bytesInUse(), 0u);
}

TEST(GrpcWebProperty, EverySplitInTwoOfAUnaryCall) {
  base::Random random(4);
  for (int kind = 0; kind < 4; ++kind) {
    const Call call{
        (kind & 1) != 0, (kind & 2) != 0, {message("question")}, {message("reply!")}, "n"};
    const std::string request = wireRequest(call, random);
    const std::string answer = join(call.answers);
    for (size_t i = 0; i <= request.size(); ++i) {
      GrpcWebChain proxy;
      play(proxy, call, cutAt(request, {i}), cutAt(answer, {i % (answer.size() + 1)}));
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(GrpcWebProperty, EverySplitInThreeOfAStreamAsText) {
  GrpcWebChain proxy;
  const Call call{true, true, {message("q")}, {message("ab"), message(""), message("xyzw", 1)}, ""};
  const std::string request = toBase64(call.questions[0]);
  const std::string answer = join(call.answers);
  for (size_t i = 0; i <= answer.size(); ++i) {
    for (size_t j = i; j <= answer.size(); ++j) {
      play(proxy, call, cutAt(request, {i % request.size()}), cutAt(answer, {i, j}));
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(GrpcWebProperty, RandomCallsInRandomPieces) {
  base::Random random(5);
  GrpcWebChain proxy;
  const auto messages = [&](size_t most) {
    std::vector<std::string> made;
    for (size_t i = random.uniform(most + 1); i > 0; --i) {
      std::string payload(random.uniform(random.uniform(12) == 0 ? 6000 : 30), '\0');
      for (char& c : payload) c = static_cast<char>(random.uniform(256));
      made.push_back(message(payload, static_cast<char>(random.uniform(2))));
    }
    return made;
  };
  const auto cut = [&](const std::string& bytes) {
    std::vector<size_t> ends;
    for (size_t i = random.uniform(12); i > 0; --i)
      ends.push_back(random.uniform(bytes.size() + 1));
    return cutAt(bytes, ends);
  };
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    const Call call{random.uniform(2) == 0, random.uniform(2) == 0, messages(4), messages(8),
                    std::string(random.uniform(20), 'n')};
    play(proxy, call, cut(wireRequest(call, random)), cut(join(call.answers)));
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_web
