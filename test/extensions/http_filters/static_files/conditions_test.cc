#include "extensions/http_filters/static_files/conditions.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/arena.h"

namespace weir::extensions::http_filters::static_files {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Sun, 06 Nov 1994 08:49:37 GMT
const event::SystemTime kModified{std::chrono::seconds(784111777)};
const event::SystemTime kNow = kModified + std::chrono::hours(1);
const Validators kFile{.etag = "\"abc\"", .modified = kModified};
const std::string kSame = "Sun, 06 Nov 1994 08:49:37 GMT";
const std::string kBefore = "Sun, 06 Nov 1994 08:49:36 GMT";
const std::string kAfter = "Sun, 06 Nov 1994 08:49:38 GMT";

TEST(Conditions, InTheOrderOfTheRfc) {
  const std::vector<std::pair<Fields, int>> cases = {
      {{}, 200},
      {{{"if-match", "\"abc\""}}, 200},
      {{{"if-match", "*"}}, 200},
      {{{"if-match", "\"x\", \"abc\""}}, 200},
      {{{"if-match", "\"x\""}, {"if-match", "\"abc\""}}, 200},
      {{{"if-match", "\"x\""}}, 412},
      {{{"if-match", "W/\"abc\""}}, 412},  // strong comparison
      {{{"if-match", "abc"}}, 412},
      {{{"if-match", ""}}, 412},
      {{{"if-unmodified-since", kSame}}, 200},
      {{{"if-unmodified-since", kBefore}}, 412},
      {{{"if-unmodified-since", "yesterday"}}, 200},
      {{{"if-match", "\"abc\""}, {"if-unmodified-since", kBefore}}, 200},  // not looked at
      {{{"if-none-match", "\"abc\""}}, 304},
      {{{"if-none-match", "W/\"abc\""}}, 304},
      {{{"if-none-match", "*"}}, 304},
      {{{"if-none-match", "\"x\",\"y\" , \"abc\""}}, 304},
      {{{"if-none-match", "\"x,\", \"ab\""}}, 200},
      {{{"if-modified-since", kSame}}, 304},
      {{{"if-modified-since", kAfter}}, 304},
      {{{"if-modified-since", kBefore}}, 200},
      {{{"if-modified-since", "nonsense"}}, 200},
      {{{"if-none-match", "\"x\""}, {"if-modified-since", kSame}}, 200},  // not looked at
      {{{"if-match", "\"x\""}, {"if-none-match", "\"abc\""}}, 412},
      {{{"if-match", "\"abc\""}, {"if-none-match", "\"abc\""}}, 304},
  };
  for (const auto& [fields, expected] : cases) {
    base::Arena arena;
    http::HeaderMap headers(arena);
    std::string text;
    for (const auto& [name, value] : fields) {
      headers.add(name, value);
      text += name + ": " + value + "; ";
    }
    EXPECT_EQ(evaluateConditions(headers, kFile, kNow), expected) << text;
  }
}

TEST(Conditions, IfRange) {
  const auto applies = [](const std::string& value, event::SystemTime now) {
    base::Arena arena;
    http::HeaderMap headers(arena);
    headers.add("If-Range", value);
    return rangeApplies(headers, kFile, now);
  };
  EXPECT_TRUE(applies("\"abc\"", kNow));
  EXPECT_FALSE(applies("W/\"abc\"", kNow));
  EXPECT_FALSE(applies("\"x\"", kNow));
  EXPECT_TRUE(applies(kSame, kNow));
  EXPECT_FALSE(applies(kAfter, kNow));
  EXPECT_FALSE(applies(kBefore, kNow));
  EXPECT_FALSE(applies(kSame, kModified + std::chrono::seconds(59)));  // may change within it
  EXPECT_FALSE(applies("", kNow));
  base::Arena arena;
  EXPECT_TRUE(rangeApplies(http::HeaderMap(arena), kFile, kNow));
}

}  // namespace
}  // namespace weir::extensions::http_filters::static_files
