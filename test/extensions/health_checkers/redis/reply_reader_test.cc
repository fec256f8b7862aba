#include "extensions/health_checkers/redis/reply_reader.h"

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace weir::extensions::health_checkers::redis {
namespace {

// What is read of `bytes`, which come in pieces of at most `most` bytes: "+PONG", "!" for what is
// malformed, where reading ends.
std::vector<std::string> readAll(std::string_view bytes, size_t most) {
  std::vector<std::string> replies;
  ReplyReader reader;
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, most);
    const size_t size = piece.size();
    Reply reply;
    const bool complete = reader.read(piece, reply);
    bytes.remove_prefix(size - piece.size());
    if (!complete) {
      EXPECT_TRUE(piece.empty());
      continue;
    }
    constexpr std::string_view kKinds = "+-:!";
    replies.push_back(kKinds[static_cast<size_t>(reply.kind)] + std::string(reply.text));
    if (reply.kind == Reply::Kind::kMalformed) break;
  }
  return replies;
}

void expectReplies(std::string_view bytes, const std::vector<std::string>& replies) {
  for (const size_t most : {1, 2, 3, 7, 100'000}) EXPECT_EQ(readAll(bytes, most), replies) << most;
}

TEST(ReplyReader, ReadsLines) {
  expectReplies("+OK\r\n+PONG\r\n", {"+OK", "+PONG"});
  expectReplies("-ERR no such thing\r\n", {"-ERR no such thing"});
  expectReplies(":0\r\n:-12\r\n", {":0", ":-12"});
  expectReplies("+\r\n", {"+"});
  expectReplies("+PONG\r", {});
}

TEST(ReplyReader, RefusesEverythingElse) {
  for (const std::string_view bytes :
       {"\r\n", "\n", "PONG\r\n", "$4\r\nPONG\r\n", "*0\r\n", "+PONG\n", "+PO\rNG\r\n", ":\r\n",
        ":1x\r\n", ":12345678901234567890\r\n", "HTTP/1.1 400 Bad Request\r\n"}) {
    expectReplies(bytes, {"!"});
  }
}

TEST(ReplyReader, KeepsNoMoreThanALine) {
  const std::string longest = "-" + std::string(ReplyReader::kMostLineBytes - 3, 'x');
  expectReplies(longest + "\r\n", {longest});
  expectReplies(longest + "x\r\n", {"!"});
  expectReplies(std::string(100'000, 'x'), {"!"});
}

TEST(ReplyReader, StartsAfresh) {
  ReplyReader reader;
  Reply reply;
  std::string_view half = "+PO";
  EXPECT_FALSE(reader.read(half, reply));
  reader.clear();
  std::string_view whole = "+PONG\r\n";
  EXPECT_TRUE(reader.read(whole, reply));
  EXPECT_EQ(reply.text, "PONG");
}

}  // namespace
}  // namespace weir::extensions::health_checkers::redis
