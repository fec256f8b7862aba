#include "extensions/health_checkers/http/answer_judge.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/buffer/block_pool.h"

namespace weir::extensions::health_checkers::http {
namespace {

using Verdict = upstream::ProbeResult::Verdict;

class JudgeTest : public ::testing::Test {
 protected:
  // What the answer comes to: "2" for degraded and such, with its reason.
  std::string judge(uint16_t status,
                    const std::vector<std::pair<std::string, std::string>>& fields = {},
                    const std::vector<std::string>& pieces = {}) {
    AnswerJudge judge(expected_);
    judge.begin();
    weir::http::ResponseHead head;
    head.status = status;
    for (const auto& [name, value] : fields) head.headers.add(name, value);
    judge.onHead(head);
    wanted_ = true;
    for (const std::string& piece : pieces) {
      buffer::Buffer data(pool_);
      data.append(piece);
      wanted_ = judge.onBody(data);
      EXPECT_TRUE(data.empty());
      if (!wanted_) break;
    }
    const upstream::ProbeResult result = judge.result();
    EXPECT_EQ(judge.status(), status);
    switch (result.verdict) {
      case Verdict::kHealthy:
        return result.reason.empty() ? "healthy" : "healthy with a reason";
      case Verdict::kDegraded:
        return "degraded: " + result.reason;
      case Verdict::kUnhealthy:
      case Verdict::kSkipped:
        break;
    }
    return result.reason;
  }

  buffer::BlockPool pool_;
  Expectation expected_;
  bool wanted_ = true;  // more of the body
};

TEST_F(JudgeTest, ByDefaultAny2xxIsHealthy) {
  EXPECT_EQ(judge(200), "healthy");
  EXPECT_EQ(judge(204), "healthy");
  EXPECT_EQ(judge(299), "healthy");
  EXPECT_EQ(judge(301), "status 301, expected 200-299");
  EXPECT_EQ(judge(404), "status 404, expected 200-299");
  EXPECT_EQ(judge(503), "status 503, expected 200-299");
}

TEST_F(JudgeTest, RangesAreWhatTheySay) {
  expected_.statuses = {{200, 200}, {300, 399}};
  EXPECT_EQ(judge(200), "healthy");
  EXPECT_EQ(judge(302), "healthy");
  EXPECT_EQ(judge(201), "status 201, expected 200, 300-399");
}

TEST_F(JudgeTest, DegradedByStatus) {
  expected_.degraded_statuses = {{218, 218}, {429, 429}};
  EXPECT_EQ(judge(218), "degraded: status 218");
  EXPECT_EQ(judge(429), "degraded: status 429");
  EXPECT_EQ(judge(219), "healthy");
}

TEST_F(JudgeTest, DegradedByField) {
  EXPECT_EQ(judge(200, {{"X-Weir-Degraded", "true"}}), "degraded: x-weir-degraded: true");
  EXPECT_EQ(judge(200, {{"x-weir-degraded", ""}}), "degraded: x-weir-degraded: ");
  EXPECT_EQ(judge(200, {{"x-weir-degraded", "False"}}), "healthy");
  EXPECT_EQ(judge(200, {{"x-weir-degraded", "0"}}), "healthy");
  EXPECT_EQ(judge(500, {{"x-weir-degraded", "true"}}), "status 500, expected 200-299");
  expected_.degraded_header = "x-envoy-degraded";
  EXPECT_EQ(judge(200, {{"x-envoy-degraded", "1"}}), "degraded: x-envoy-degraded: 1");
  EXPECT_EQ(judge(200, {{"x-weir-degraded", "1"}}), "healthy");
}

TEST_F(JudgeTest, LooksForTextInTheBody) {
  expected_.body_text.emplace("all well");
  EXPECT_EQ(judge(200, {}, {"it is al", "l we", "ll here"}), "healthy");
  EXPECT_EQ(judge(200, {}, {"all is well"}), "the body without \"all well\"");
  EXPECT_EQ(judge(200), "the body without \"all well\"");
  EXPECT_EQ(judge(500, {}, {"all well"}), "status 500, expected 200-299");
  EXPECT_EQ(judge(200, {{"x-weir-degraded", "1"}}, {"all well"}), "degraded: x-weir-degraded: 1");
}

TEST_F(JudgeTest, MatchesTheBody) {
  auto regex = base::Regex::compile("\"status\":\\s*\"(up|ok)\"");
  ASSERT_TRUE(regex.ok());
  expected_.body_regex.emplace(*regex);
  EXPECT_EQ(judge(200, {}, {"{\"status\"", ": \"up\"}"}), "healthy");
  EXPECT_EQ(judge(200, {}, {"{\"status\": \"down\"}"}),
            "the body not like \"\\\"status\\\":\\\\s*\\\"(up|ok)\\\"\"");
}

TEST_F(JudgeTest, TakesABoundedPartOfTheBody) {
  expected_.max_body_bytes = 10;
  EXPECT_EQ(judge(200, {}, {"12345", "67890"}), "healthy");
  EXPECT_TRUE(wanted_);
  EXPECT_EQ(judge(200, {}, {"12345", "678901"}), "healthy");
  EXPECT_FALSE(wanted_);
  expected_.body_text.emplace("90");
  EXPECT_EQ(judge(200, {}, {"12345", "678901"}), "healthy");
  expected_.body_text.emplace("01");
  EXPECT_EQ(judge(200, {}, {"12345", "678901"}), "the first 10 bytes of the body without \"01\"");
  expected_.body_text.reset();
  auto regex = base::Regex::compile("01");
  expected_.body_regex.emplace(*regex);
  EXPECT_EQ(judge(200, {}, {"12345", "678901"}), "the first 10 bytes of the body not like \"01\"");
}

}  // namespace
}  // namespace weir::extensions::health_checkers::http
