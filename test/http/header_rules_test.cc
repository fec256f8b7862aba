#include "source/http/header_rules.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/http/semantics.h"

namespace weir::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = HeaderRule::Kind;
using Fields = std::vector<std::pair<std::string, std::string>>;

class HeaderRulesTest : public ::testing::Test {
 protected:
  Fields apply(std::vector<HeaderRule> rules, const Fields& fields) {
    for (const HeaderRule& rule : rules) EXPECT_TRUE(HeaderRules::check(rule).ok()) << rule.name;
    request_.headers.clear();
    for (const auto& [name, value] : fields) request_.headers.add(name, value);
    HeaderRules(std::move(rules)).apply({request_, response_, trailers_, info_}, request_.headers);
    Fields result;
    request_.headers.forEach(
        [&](const HeaderMap::Field& field) { result.emplace_back(field.name, field.value); });
    return result;
  }

  RequestHead request_;
  ResponseHead response_;
  base::Arena arena_;
  HeaderMap trailers_{arena_};
  StreamInfo info_;
};

TEST_F(HeaderRulesTest, DoWhatTheyAreCalled) {
  const Fields start = {{"A", "1"}, {"b", "2"}, {"a", "3"}, {"Content-Type", "x"}};
  EXPECT_EQ(apply({{Kind::kRemove, "a"}}, start), (Fields{{"b", "2"}, {"Content-Type", "x"}}));
  EXPECT_EQ(apply({{Kind::kRemove, "content-type"}, {Kind::kRemove, "none"}}, start),
            (Fields{{"A", "1"}, {"b", "2"}, {"a", "3"}}));
  EXPECT_EQ(apply({{Kind::kSet, "a", "9"}}, start),
            (Fields{{"A", "9"}, {"b", "2"}, {"Content-Type", "x"}}));
  EXPECT_EQ(apply({{Kind::kSet, "c", "9"}}, {}), (Fields{{"c", "9"}}));
  EXPECT_EQ(apply({{Kind::kAddIfAbsent, "B", "9"}, {Kind::kAddIfAbsent, "d", "8"}}, {{"b", "2"}}),
            (Fields{{"b", "2"}, {"d", "8"}}));
  EXPECT_EQ(apply({{Kind::kAdd, "b", "9"}}, {{"b", "2"}}), (Fields{{"b", "2"}, {"b", "9"}}));
  EXPECT_EQ(apply({{Kind::kAppend, "a", "9"}}, start),
            (Fields{{"A", "1, 3, 9"}, {"b", "2"}, {"Content-Type", "x"}}));
  EXPECT_EQ(apply({{Kind::kAppend, "cookie", "s=1"}}, {{"Cookie", "t=2"}}),
            (Fields{{"Cookie", "t=2; s=1"}}));
  EXPECT_EQ(apply({{Kind::kAppend, "e", "9"}}, {{"e", ""}}), (Fields{{"e", "9"}}));
}

TEST_F(HeaderRulesTest, GoInAFixedOrder) {
  // Written the other way round.
  EXPECT_EQ(apply({{Kind::kAdd, "x", "5"},
                   {Kind::kAppend, "x", "4"},
                   {Kind::kAddIfAbsent, "x", "3"},
                   {Kind::kSet, "x", "2"},
                   {Kind::kRemovePrefix, "x-"},
                   {Kind::kRemove, "x"}},
                  {{"x", "1"}, {"x-y", "1"}}),
            (Fields{{"x", "2, 4"}, {"x", "5"}}));
}

TEST_F(HeaderRulesTest, PrefixesLeaveWhatFramesAndRoutes) {
  EXPECT_EQ(
      apply({{Kind::kRemovePrefix, "CO"}},
            {{"Content-Length", "1"}, {"Connection", "x"}, {"Cookie", "c"}, {"Content-Type", "t"}}),
      (Fields{{"Content-Length", "1"}, {"Connection", "x"}}));
  EXPECT_EQ(apply({{Kind::kRemovePrefix, "ho"}}, {{"Host", "h"}, {"hop", "1"}}),
            (Fields{{"Host", "h"}}));
}

TEST_F(HeaderRulesTest, EmptyValues) {
  EXPECT_EQ(apply({{Kind::kSet, "x", "%REQ(none)%"}}, {{"x", "forged"}}), Fields{})
      << "what a client says in it does not stay";
  EXPECT_EQ(apply({{Kind::kSet, "x", "%REQ(none)%", true}}, {{"x", "1"}}), (Fields{{"x", ""}}));
  EXPECT_EQ(apply({{Kind::kAdd, "x", "%REQ(none)%"}, {Kind::kAddIfAbsent, "y", ""}}, {}), Fields{});
  EXPECT_EQ(apply({{Kind::kAdd, "x", " %REQ(none)% ", true}}, {}), (Fields{{"x", ""}}));
}

TEST_F(HeaderRulesTest, ValuesSeeTheRequest) {
  request_.method = "GET";
  request_.path = "/a?q=1";
  EXPECT_EQ(apply({{Kind::kSet, "x-was", "%REQ(:METHOD)% %REQ(:PATH)% 100%%"},
                   {Kind::kSet, "y", "%QUERY(q)%"}},
                  {}),
            (Fields{{"x-was", "GET /a?q=1 100%"}, {"y", "1"}}));
}

TEST_F(HeaderRulesTest, LongValuesAreCut) {
  const std::string big(10'000, 'v');
  const Fields result = apply({{Kind::kSet, "x", "%REQ(big)%%REQ(big)%"}}, {{"big", big}});
  ASSERT_EQ(result.size(), 2u);
  EXPECT_EQ(result[1].second.size(), HeaderRules::kMaxValueBytes);
}

TEST(HeaderRulesCheck, RefusesWhatWouldBreakMessages) {
  const std::pair<HeaderRule, std::string_view> cases[] = {
      {{Kind::kSet, "", "x"}, "a field needs a name"},
      {{Kind::kSet, ":path", "x"}, "pseudo-field"},
      {{Kind::kSet, "a b", "x"}, "cannot be the name of a field"},
      {{Kind::kSet, "x:", "x"}, "cannot be the name of a field"},
      {{Kind::kSet, "Host", "x"}, "use host_rewrite"},
      {{Kind::kRemove, "host"}, "use host_rewrite"},
      {{Kind::kSet, "Content-Length", "1"}, "frames messages"},
      {{Kind::kRemove, "transfer-encoding"}, "frames messages"},
      {{Kind::kAdd, "Connection", "x"}, "frames messages"},
      {{Kind::kAdd, "TE", "x"}, "frames messages"},
      {{Kind::kAdd, "upgrade", "x"}, "frames messages"},
      {{Kind::kAdd, "HTTP2-Settings", "x"}, "frames messages"},
      {{Kind::kRemovePrefix, "x"}, "too short"},
      {{Kind::kRemovePrefix, ":p"}, "pseudo-field"},
      {{Kind::kAppend, "Set-Cookie", "x"}, "no list"},
      {{Kind::kSet, "x", "a\r\nb"}, "control characters"},
      {{Kind::kSet, "x", std::string("a\0b", 3)}, "control characters"},
      {{Kind::kSet, "x", "%NOPE%"}, "is not known"},
      {{Kind::kSet, "x", "50%"}, "has no end"},
      {{Kind::kSet, "x", std::string(5000, 'a')}, "at most 4096"},
  };
  for (const auto& [rule, expected] : cases) {
    const absl::Status status = HeaderRules::check(rule);
    ASSERT_FALSE(status.ok()) << rule.name;
    EXPECT_THAT(std::string(base::view(status.message())), HasSubstr(std::string(expected)));
    EXPECT_THAT(std::string(base::view(status.message())), HasSubstr("; "));
  }
}

// The rules in the plainest words there are.
Fields oracle(std::vector<HeaderRule> rules, Fields fields) {
  const auto same = [](std::string_view name) {
    return [name](const auto& field) { return base::equalsIgnoreCase(field.first, name); };
  };
  std::stable_sort(rules.begin(), rules.end(),
                   [](const auto& a, const auto& b) { return a.kind < b.kind; });
  for (const HeaderRule& rule : rules) {
    const auto first = std::find_if(fields.begin(), fields.end(), same(rule.name));
    const bool nothing = rule.value.empty() && !rule.keep_empty;
    const auto setTo = [&](const std::string& value) {
      if (first == fields.end()) return void(fields.emplace_back(rule.name, value));
      const auto index = first - fields.begin();
      fields[index].second = value;
      fields.erase(std::remove_if(fields.begin() + index + 1, fields.end(), same(rule.name)),
                   fields.end());
    };
    if (rule.kind == Kind::kRemove || (rule.kind == Kind::kSet && nothing)) {
      fields.erase(std::remove_if(fields.begin(), fields.end(), same(rule.name)), fields.end());
    } else if (rule.kind == Kind::kRemovePrefix) {
      fields.erase(
          std::remove_if(fields.begin(), fields.end(),
                         [&](const auto& field) {
                           return base::lowered(field.first).starts_with(base::lowered(rule.name));
                         }),
          fields.end());
    } else if (nothing) {
      continue;
    } else if (rule.kind == Kind::kSet) {
      setTo(rule.value);
    } else if (rule.kind == Kind::kAppend) {
      std::string all;
      for (const auto& [name, value] : fields) {
        if (base::equalsIgnoreCase(name, rule.name) && !value.empty()) all += value + ", ";
      }
      setTo(all + rule.value);
    } else if (rule.kind == Kind::kAdd || first == fields.end()) {
      fields.emplace_back(rule.name, rule.value);
    }
  }
  return fields;
}

TEST_F(HeaderRulesTest, AgreeWithTheirDefinition) {
  std::mt19937 random(11);
  const std::vector<std::string> names = {
      "a", "A", "b", "ab", "abc", "Vary", "x-forwarded-for", "server", "ETag"};
  const std::vector<std::string> values = {"", "1", "22", "x y"};
  const auto one = [&](const std::vector<std::string>& from) {
    return from[random() % from.size()];
  };
  for (int round = 0; round < 5000; ++round) {
    Fields fields;
    for (size_t i = random() % 8; i > 0; --i) fields.emplace_back(one(names), one(values));
    std::vector<HeaderRule> rules;
    for (size_t i = random() % 6; i > 0; --i) {
      const auto kind = static_cast<Kind>(random() % 6);
      rules.push_back(
          {kind, kind == Kind::kRemovePrefix ? "ab" : one(names), one(values), random() % 4 == 0});
    }
    ASSERT_EQ(apply(rules, fields), oracle(rules, fields)) << round;
  }
}

// Whatever peers send and operators print: a value that may stand in a head.
TEST_F(HeaderRulesTest, NeverMakeAValueThatIsNone) {
  std::mt19937 random(12);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 60, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const Fields result =
        apply({{Kind::kSet, "x", "%REQ(y)%/%REQ(y):7%"}, {Kind::kAppend, "z", "%REQ(y)%"}},
              {{"y", bytes}, {"z", "1"}});
    for (const auto& [name, value] : result) {
      EXPECT_TRUE(name == "y" || isFieldValue(value));
    }
  }
}

}  // namespace
}  // namespace weir::http
