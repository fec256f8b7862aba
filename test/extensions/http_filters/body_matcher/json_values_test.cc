#include "extensions/http_filters/body_matcher/json_values.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "source/base/random.h"

namespace weir::extensions::http_filters::body_matcher {
namespace {

using Json = nlohmann::json;

std::string textOf(const JsonValue& value) {
  if (std::holds_alternative<bool>(value)) return std::get<bool>(value) ? "true" : "false";
  if (const auto* const number = std::get_if<double>(&value)) return Json(*number).dump();
  if (const auto* const text = std::get_if<std::string>(&value)) return "\"" + *text + "\"";
  if (const auto* const open = std::get_if<JsonContainer>(&value)) return open->list ? "[" : "{";
  return "nothing";
}

std::string valueAt(std::string_view pointer, std::string_view text) {
  auto parsed = JsonPointer::parse(pointer);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  const std::vector<JsonPointer> pointers = {*parsed};
  JsonValues values(pointers);
  if (!values.read(text)) return "no JSON";
  return textOf(values.values()[0]);
}

TEST(JsonValues, FollowsPointers) {
  constexpr std::string_view kText =
      R"({"a": {"b": [10, {"c": "x"}, null]}, "a/b": 1, "m~n": 2, "": 3, "t": true, "o": {}})";
  EXPECT_EQ(valueAt("", kText), "{");
  EXPECT_EQ(valueAt("/a", kText), "{");
  EXPECT_EQ(valueAt("/a/b", kText), "[");
  EXPECT_EQ(valueAt("/a/b/0", kText), "10.0");
  EXPECT_EQ(valueAt("/a/b/1/c", kText), "\"x\"");
  EXPECT_EQ(valueAt("/a/b/2", kText), "nothing");
  EXPECT_EQ(valueAt("/a/b/3", kText), "nothing");
  EXPECT_EQ(valueAt("/a/b/00", kText), "nothing");
  EXPECT_EQ(valueAt("/a/b/-", kText), "nothing");
  EXPECT_EQ(valueAt("/a~1b", kText), "1.0");
  EXPECT_EQ(valueAt("/m~0n", kText), "2.0");
  EXPECT_EQ(valueAt("/", kText), "3.0");
  EXPECT_EQ(valueAt("/t", kText), "true");
  EXPECT_EQ(valueAt("/t/x", kText), "nothing");
  EXPECT_EQ(valueAt("/o/x", kText), "nothing");
  EXPECT_EQ(valueAt("", "7"), "7.0");
  EXPECT_EQ(valueAt("/0", "{\"0\": \"key\"}"), "\"key\"");
}

TEST(JsonValues, TheLastOfSeveralMembersCounts) {
  EXPECT_EQ(valueAt("/a", R"({"a": 1, "a": "two"})"), "\"two\"");
  EXPECT_EQ(valueAt("/a/b", R"({"a": {"b": 1}, "a": {"c": 2}})"), "nothing");
  EXPECT_EQ(valueAt("/a/b", R"({"a": {"b": 1}, "a": 2})"), "nothing");
  EXPECT_EQ(valueAt("/a/b", R"({"a": 2, "a": {"b": 1}})"), "1.0");
}

TEST(JsonValues, RefusesWhatIsNoJson) {
  for (const char* text : {"", "{", "{\"a\":}", "[1,]", "{} {}", "nul", "'a'", "\"\xff\"",
                           "[1e999]", "{\"a\": 1} x", "[01]", "\xef\xbb\xbf"}) {
    EXPECT_EQ(valueAt("/a", text), "no JSON") << text;
  }
}

TEST(JsonValues, NestingAndTextsAreBounded) {
  const size_t most = JsonValues::kMaxDepth;
  EXPECT_EQ(valueAt("", std::string(most, '[') + std::string(most, ']')), "[");
  EXPECT_EQ(valueAt("", std::string(most + 1, '[') + std::string(most + 1, ']')), "no JSON");
  EXPECT_EQ(valueAt("", std::string(1'000'000, '[')), "no JSON");
  const std::string longest(JsonValues::kMaxTextBytes, 'x');
  EXPECT_EQ(valueAt("/a", "{\"a\":\"" + longest + "\"}"), "\"" + longest + "\"");
  EXPECT_EQ(valueAt("/a", "{\"a\":\"" + longest + "x\"}"), "nothing");
}

TEST(JsonValues, PointersAreChecked) {
  EXPECT_THAT(std::string(JsonPointer::parse("a").status().message()),
              testing::HasSubstr("write \"/a\""));
  EXPECT_FALSE(JsonPointer::parse("/a~").ok());
  EXPECT_FALSE(JsonPointer::parse("/a~2").ok());
  std::string deep;
  for (size_t i = 0; i < JsonPointer::kMaxSteps; ++i) deep += "/a";
  EXPECT_TRUE(JsonPointer::parse(deep).ok());
  EXPECT_FALSE(JsonPointer::parse(deep + "/a").ok());
}

// ---- against a parser that keeps the document ---------------------------------------------------

const char* const kNames[] = {"a", "b", "0", "1", ""};

std::string randomJson(base::Random& random, int depth) {
  switch (random.uniform(depth > 3 ? 5 : 8)) {
    case 0:
      return "null";
    case 1:
      return "true";
    case 2:
      return std::to_string(random.uniform(100));
    case 3:
      return "-1.5e1";
    case 4:
      return "\"s" + std::to_string(random.uniform(10)) + "\"";
    case 5: {
      std::string list = "[";
      for (uint64_t n = random.uniform(4); n > 0; --n) {
        list += randomJson(random, depth + 1) + (n > 1 ? ", " : "");
      }
      return list + "]";
    }
    default: {
      std::string object = "{";
      for (uint64_t n = random.uniform(5); n > 0; --n) {
        object += std::string("\"") + kNames[random.uniform(5)] +
                  "\": " + randomJson(random, depth + 1) + (n > 1 ? ", " : "");
      }
      return object + "}";
    }
  }
}

// Step by step: a json_pointer of the library throws for steps into lists that are no numbers.
JsonValue expectedAt(const Json& document, const JsonPointer& pointer) {
  const Json* at = &document;
  for (const JsonPointer::Step& step : pointer.steps()) {
    if (at->is_object() && at->contains(step.name)) {
      at = &(*at)[step.name];
    } else if (at->is_array() && (step.name == "0" || step.name == "1") &&
               std::stoul(step.name) < at->size()) {
      at = &(*at)[std::stoul(step.name)];
    } else {
      return {};
    }
  }
  if (at->is_boolean()) return at->get<bool>();
  if (at->is_number()) return at->get<double>();
  if (at->is_string()) return at->get<std::string>();
  if (at->is_structured()) return JsonContainer{at->is_array()};
  return {};
}

TEST(JsonValues, AgreesWithADocumentOnRandomTexts) {
  base::Random random(20261122);
  int there = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string text = randomJson(random, 0);
    const Json document = Json::parse(text);
    std::vector<std::string> asked;
    std::vector<JsonPointer> pointers;
    for (int i = 0; i < 8; ++i) {
      std::string pointer;
      for (uint64_t n = random.uniform(4); n > 0; --n) {
        pointer += std::string("/") + kNames[random.uniform(5)];
      }
      asked.push_back(pointer);
      pointers.push_back(*JsonPointer::parse(pointer));
    }
    JsonValues values(pointers);
    ASSERT_TRUE(values.read(text)) << text;
    for (size_t i = 0; i < asked.size(); ++i) {
      const std::string expected = textOf(expectedAt(document, pointers[i]));
      ASSERT_EQ(textOf(values.values()[i]), expected) << text << " at " << asked[i];
      there += expected == "nothing" ? 0 : 1;
    }
  }
  EXPECT_GT(there, 3000);
}

}  // namespace
}  // namespace weir::extensions::http_filters::body_matcher
