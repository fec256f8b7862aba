#include "source/redis/protocol.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/buffer/block_pool.h"

namespace weir::redis {
namespace {

using Kind = Reply::Kind;
using Result = Reader::Result;
using ::testing::HasSubstr;

TEST(ProtocolTest, ReadsEveryKindOfAnswerWhateverThePieces) {
  const std::string bytes = "+OK\r\n-ERR no\r\n:-42\r\n$5\r\na\r\nbc\r\n$-1\r\n$0\r\n\r\n*-1\r\n";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    Reader reader;
    std::vector<std::pair<Kind, std::string>> replies;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      reader.feed(std::string_view(bytes).substr(at, piece));
      Reply reply;
      while (reader.next(reply) == Result::kReply) {
        replies.emplace_back(reply.kind, reply.kind == Kind::kInteger
                                             ? std::to_string(reply.integer)
                                             : std::string(reply.text));
      }
    }
    const std::vector<std::pair<Kind, std::string>> expected = {
        {Kind::kStatus, "OK"},    {Kind::kError, "ERR no"}, {Kind::kInteger, "-42"},
        {Kind::kText, "a\r\nbc"}, {Kind::kNil, ""},         {Kind::kText, ""},
        {Kind::kNil, ""}};
    EXPECT_EQ(replies, expected) << piece;
  }
}

std::string problemOf(std::string_view bytes) {
  Reader reader;
  Reply reply;
  reader.feed(bytes);
  while (true) {
    const Result result = reader.next(reply);
    if (result == Result::kMore) return "more";
    if (result == Result::kBroken) return reader.problem();
  }
}

TEST(ProtocolTest, RefusesWhatIsNoAnswerOrTooMuch) {
  EXPECT_THAT(problemOf("HTTP/1.1 400 Bad Request\r\n"), HasSubstr("not of Redis"));
  EXPECT_THAT(problemOf(std::string_view("\0\0\0\0", 4)), HasSubstr("not of Redis"));
  EXPECT_THAT(problemOf("$x\r\n"), HasSubstr("not of Redis"));
  EXPECT_THAT(problemOf("$-2\r\n"), HasSubstr("not of Redis"));
  EXPECT_THAT(problemOf(":99999999999999999999999\r\n"), HasSubstr("not of Redis"));
  EXPECT_THAT(problemOf("*1\r\n+OK\r\n"), HasSubstr("several parts"));
  EXPECT_THAT(problemOf("*2147483647\r\n"), HasSubstr("several parts"));
  EXPECT_THAT(problemOf("*99999999999\r\n"), HasSubstr("not of Redis"));
  const std::string longest(Reader::kMaxReply, 'x');
  EXPECT_EQ(problemOf("$4096\r\n" + longest + "\r\n"), "more");
  EXPECT_THAT(problemOf("$4097\r\n" + longest + "x\r\n"), HasSubstr("more than 4096 bytes"));
  EXPECT_THAT(problemOf("$500000000\r\n" + longest + longest), HasSubstr("more than 4096 bytes"));
  EXPECT_THAT(problemOf("+" + longest + longest), HasSubstr("more than 4096 bytes"))
      << "a line that does not end";
}

TEST(ProtocolTest, WritesCommandsWithAnyBytes) {
  buffer::BlockPool pool;
  buffer::Buffer out(pool);
  appendCommand(out, {"SET", std::string_view("a\0\r\n", 4), ""});
  appendCommand(out, {"PING"});
  EXPECT_EQ(out.toString(), std::string("*3\r\n$3\r\nSET\r\n$4\r\na\0\r\n\r\n$0\r\n\r\n"
                                        "*1\r\n$4\r\nPING\r\n",
                                        43));
}

}  // namespace
}  // namespace weir::redis
