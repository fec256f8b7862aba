#include "extensions/http_filters/tracing/propagation.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "source/base/arena.h"
#include "source/base/random.h"

namespace weir::extensions::http_filters::tracing {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpan[] = "00f067aa0ba902b7";

std::string parent(const std::string& version, const std::string& trace, const std::string& span,
                   const std::string& flags) {
  return version + "-" + trace + "-" + span + "-" + flags;
}

// The rules of W3C Trace Context 3.2.2, and of its level 2.
TEST(Traceparent, KeepsTheRules) {
  struct Case {
    std::string value;
    bool valid;
    Sampling sampling = Sampling::kNo;
  };
  const std::string good = parent("00", kTrace, kSpan, "01");
  const Case cases[] = {
      {good, true, Sampling::kYes},
      {parent("00", kTrace, kSpan, "00"), true},
      {parent("00", kTrace, kSpan, "02"), true},
      {parent("00", kTrace, kSpan, "ff"), true, Sampling::kYes},
      {parent("00", kTrace, kSpan, "0"), false},
      {parent("00", kTrace, kSpan, ".0"), false},
      {parent("00", kTrace, kSpan, "0G"), false},
      {parent("0", kTrace, kSpan, "001"), false},
      {parent("ff", kTrace, kSpan, "01"), false},
      {parent("FF", kTrace, kSpan, "01"), false},
      {parent("cc", kTrace, kSpan, "01"), true, Sampling::kYes},
      {parent("cc", kTrace, kSpan, "01") + "-what-comes-later", true, Sampling::kYes},
      {parent("cc", kTrace, kSpan, "01") + ".what", false},
      {good + "-more", false},
      {good + "-", false},
      {good + " ", false},
      {parent("00", std::string(32, '0'), kSpan, "01"), false},
      {parent("00", kTrace, std::string(16, '0'), "01"), false},
      {parent("00", "4BF92F3577B34DA6A3CE929D0E0E4736", kSpan, "01"), false},
      {parent("00", "4bf92f3577b34da6a3ce929d0e0e473", kSpan, "001"), false},
      {parent("00", kTrace, "00f067aa0ba902b", "001"), false},
      {parent("00", kTrace, "00f067aa0ba902.7", "01"), false},
      {"00_" + good.substr(3), false},
      {"", false},
      {"00", false},
  };
  for (const Case& each : cases) {
    const auto context = readTraceparent(each.value);
    ASSERT_EQ(context.has_value(), each.valid) << each.value;
    if (!context) continue;
    EXPECT_EQ(context->ids->traceText(), kTrace);
    EXPECT_EQ(context->ids->spanText(), kSpan);
    EXPECT_EQ(context->sampling, each.sampling) << each.value;
  }
}

TEST(Tracestate, KeepsTheRules) {
  std::string most;
  for (int i = 0; i < 32; ++i) most += "k" + std::to_string(i) + "=v,";
  const std::vector<std::string> good = {"",
                                         "a=1",
                                         "a=1,b=2",
                                         " a=1 ,\tb=2 ",
                                         "a=1,,b=2",
                                         ",",
                                         "fw529a3039@dt=FfZ",
                                         "0a=1",
                                         "a*/_-@b=1",
                                         "a=a b",
                                         most,
                                         "a= b",
                                         std::string(256, 'k') + "=" + std::string(256, 'v')};
  const std::vector<std::string> bad = {"a",
                                        "a=",
                                        "=1",
                                        "A=1",
                                        "a =1",
                                        "a=1=2",
                                        "a=1;b=2",
                                        "a=1,a=2",
                                        "a=\x01",
                                        "a=\x80",
                                        "*a=1",
                                        most + "z=1",
                                        std::string(257, 'k') + "=v",
                                        "k=" + std::string(257, 'v')};
  for (const std::string& each : good) EXPECT_TRUE(isTraceState(each)) << each;
  for (const std::string& each : bad) EXPECT_FALSE(isTraceState(each)) << each;
}

TEST(B3, ReadsOneField) {
  const std::string ids = std::string(kTrace) + "-" + kSpan;
  EXPECT_EQ(readB3(ids)->sampling, Sampling::kUndecided);
  EXPECT_EQ(readB3(ids + "-1")->sampling, Sampling::kYes);
  EXPECT_EQ(readB3(ids + "-0")->sampling, Sampling::kNo);
  EXPECT_TRUE(readB3(ids + "-d")->debug);
  EXPECT_EQ(readB3(ids + "-1-05e3ac9a4f6e3b90")->ids->spanText(), kSpan);
  EXPECT_EQ(readB3("0")->sampling, Sampling::kNo);
  EXPECT_FALSE(readB3("0")->ids);
  EXPECT_EQ(readB3("a3ce929d0e0e4736-" + std::string(kSpan))->ids->traceText(),
            "0000000000000000a3ce929d0e0e4736");
  for (const std::string& bad :
       {std::string("2"), std::string(""), ids + "-", ids + "-2", ids + "-1-", ids + "-1-05",
        ids + "-1-05e3ac9a4f6e3b90-1", std::string(kTrace), std::string(kTrace) + "-", "x" + ids,
        std::string(16, '0') + "-" + kSpan}) {
    EXPECT_FALSE(readB3(bad)) << bad;
  }
}

class Fields : public ::testing::Test {
 protected:
  base::Arena arena_{256};
  http::HeaderMap fields_{arena_};
  SpanIds ids_ = *readTraceparent(parent("00", kTrace, kSpan, "01"))->ids;
};

TEST_F(Fields, SeveralTraceparentsAreNone) {
  fields_.add("traceparent", parent("00", kTrace, kSpan, "01"));
  EXPECT_TRUE(readContext(Propagation::kW3c, fields_));
  fields_.add("Traceparent", parent("00", kTrace, kSpan, "01"));
  EXPECT_FALSE(readContext(Propagation::kW3c, fields_));
}

TEST_F(Fields, MultipleB3FieldsAreRead) {
  fields_.add("X-B3-Sampled", "true");
  EXPECT_FALSE(readContext(Propagation::kB3Multi, fields_)->ids);
  fields_.add("X-B3-TraceId", kTrace);
  EXPECT_FALSE(readContext(Propagation::kB3Multi, fields_)->ids);
  fields_.add("X-B3-SpanId", kSpan);
  EXPECT_EQ(readContext(Propagation::kB3Multi, fields_)->ids->traceText(), kTrace);
  fields_.set("X-B3-Sampled", "maybe");
  EXPECT_EQ(readContext(Propagation::kB3Multi, fields_)->sampling, Sampling::kUndecided);
  fields_.add("X-B3-Flags", "1");
  EXPECT_TRUE(readContext(Propagation::kB3Multi, fields_)->debug);
}

TEST_F(Fields, WhatIsWrittenReadsTheSame) {
  for (const Propagation form : {Propagation::kW3c, Propagation::kB3, Propagation::kB3Multi}) {
    for (const bool sampled : {false, true}) {
      fields_.clear();
      fields_.add("traceparent", "nonsense");
      fields_.add("traceparent", "nonsense");
      fields_.add("b3", "nonsense");
      fields_.add("b3", "nonsense");
      fields_.add("x-b3-flags", "1");
      writeContext(form, {.ids = ids_, .sampled = sampled, .parent = "05e3ac9a4f6e3b90"}, false,
                   fields_);
      const auto read = readContext(form, fields_);
      ASSERT_TRUE(read && read->ids);
      EXPECT_EQ(read->ids->traceText(), kTrace);
      EXPECT_EQ(read->ids->spanText(), kSpan);
      EXPECT_EQ(read->sampling, sampled ? Sampling::kYes : Sampling::kNo);
      EXPECT_FALSE(read->debug);
    }
  }
}

TEST_F(Fields, TracestateGoesOnWithItsParentOnly) {
  const OutgoingContext out{.ids = ids_, .sampled = true};
  const auto after = [&](std::string_view state, bool continued) {
    fields_.clear();
    fields_.add("tracestate", "first=1");
    fields_.add("tracestate", state);
    writeContext(Propagation::kW3c, out, continued, fields_);
    return fields_.count("tracestate");
  };
  EXPECT_EQ(after("b=2", true), 2u);
  EXPECT_EQ(after("b=2", false), 0u);
  EXPECT_EQ(after("first=2", true), 0u);
  EXPECT_EQ(after("b", true), 0u);
}

// Whatever comes, what goes on is well-formed.
TEST_F(Fields, RandomContextsAreReadOrRefused) {
  base::Random random(5);
  const std::string good = parent("00", kTrace, kSpan, "01");
  for (int i = 0; i < 50'000; ++i) {
    std::string value = good;
    for (uint64_t changes = random.uniform(3); changes > 0; --changes) {
      value[random.uniform(value.size())] = static_cast<char>(random.uniform(256));
    }
    value.resize(random.uniform(4) == 0 ? random.uniform(value.size() + 1) : value.size());
    if (const auto context = readTraceparent(value)) {
      EXPECT_EQ(context->ids->traceText().find_first_not_of("0123456789abcdef"),
                std::string_view::npos);
      EXPECT_EQ(context->ids->spanText().find_first_not_of("0123456789abcdef"),
                std::string_view::npos);
      EXPECT_EQ(value.size(), good.size());
    }
    static_cast<void>(readB3(value));
    static_cast<void>(isTraceState(value));
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::tracing
