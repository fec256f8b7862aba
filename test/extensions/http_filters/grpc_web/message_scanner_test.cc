#include "extensions/http_filters/grpc_web/message_scanner.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "source/base/random.h"
#include "test/extensions/http_filters/grpc_web/grpc_web_fixture.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

TEST(MessageScanner, StopsAtTheEndOfEachMessage) {
  const std::string body = message("hello") + message("") + message("x", 1);
  MessageScanner scanner;
  EXPECT_TRUE(scanner.betweenMessages());
  EXPECT_EQ(scanner.advance(body), 10u);
  EXPECT_TRUE(scanner.betweenMessages());
  EXPECT_EQ(scanner.advance(std::string_view(body).substr(10)), 5u);
  EXPECT_TRUE(scanner.betweenMessages());
  EXPECT_EQ(scanner.advance(std::string_view(body).substr(15, 5)), 5u);
  EXPECT_FALSE(scanner.betweenMessages());
  EXPECT_EQ(scanner.advance("x"), 1u);
  EXPECT_TRUE(scanner.betweenMessages());
  EXPECT_FALSE(scanner.malformed());
}

TEST(MessageScanner, TheLongestMessageIsNotHeld) {
  MessageScanner scanner;
  EXPECT_EQ(scanner.advance(std::string_view("\0\xff\xff\xff\xff", 5)), 5u);
  const std::string piece(65'535, 'x');
  for (int i = 0; i < 65'537; ++i) {
    ASSERT_FALSE(scanner.betweenMessages());
    ASSERT_EQ(scanner.advance(piece), piece.size());
  }
  EXPECT_TRUE(scanner.betweenMessages());
}

TEST(MessageScanner, RefusesOtherFlags) {
  for (int flag = 2; flag < 256; ++flag) {
    MessageScanner scanner;
    const std::string body = message("a") + message("b", static_cast<char>(flag));
    EXPECT_EQ(scanner.advance(body), 6u);
    EXPECT_FALSE(scanner.malformed());
    EXPECT_EQ(scanner.advance(std::string_view(body).substr(6)), 0u);
    EXPECT_TRUE(scanner.malformed());
  }
}

TEST(MessageScannerProperty, EverySplitFindsTheSameEnds) {
  base::Random random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string body;
    std::vector<size_t> ends;
    for (size_t i = random.uniform(6); i > 0; --i) {
      body += message(std::string(random.uniform(random.uniform(2) == 0 ? 3 : 600), 'x'));
      ends.push_back(body.size());
    }
    MessageScanner scanner;
    std::vector<size_t> found;
    for (size_t at = 0; at < body.size();) {
      std::string_view piece = std::string_view(body).substr(at, 1 + random.uniform(30));
      while (!piece.empty()) {
        const size_t count = scanner.advance(piece);
        piece.remove_prefix(count);
        at += count;
        if (scanner.betweenMessages()) found.push_back(at);
        ASSERT_TRUE(piece.empty() || scanner.betweenMessages());
      }
    }
    EXPECT_EQ(found, ends);
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_web
