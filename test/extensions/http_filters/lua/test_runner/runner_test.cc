#include "extensions/http_filters/lua/test_runner/runner.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/child_process.h"

namespace weir::extensions::http_filters::lua::test_runner {
namespace {

using ::testing::HasSubstr;

class Runner : public ::testing::Test {
 protected:
  // Exit code, and what it writes.
  int run(const std::vector<std::string>& files) {
    out_.clear();
    return runTests(files, out_);
  }
  // The tests in `text`, beside a script.
  int runText(const std::string& text) {
    return run({folder_.write("a_test.lua", "local weir_test = require 'weir.test'\n" + text)});
  }

  test::TemporaryFolder folder_;
  std::string out_;
};

TEST_F(Runner, CountsWhatPassesAndWhatFails) {
  EXPECT_EQ(runText("it('one', function() assert.equal(1, 1) end)\n"
                    "function test_two() end\n"),
            0);
  EXPECT_EQ(out_, "2 passed, 0 failed\n");
  EXPECT_EQ(runText("describe('sums', function()\n"
                    "  it('are right', function() assert.equal(4, 2 + 3) end)\n"
                    "end)\n"
                    "function test_two() end\n"),
            1);
  EXPECT_EQ(out_, "FAILED " + folder_.file("a_test.lua") +
                      ":3: sums > are right: expected 4, got 5\n1 passed, 1 failed\n");
}

TEST_F(Runner, SaysWhatValuesWere) {
  EXPECT_EQ(runText(R"(
function test_1() assert.same({a = 1, b = {"x"}}, {a = 1, b = {"y"}}) end
function test_2() assert.matches("^a", "ba", "the name") end
function test_3() assert.error(function() end) end
function test_4() assert.error(function() error("other") end, "this") end
function test_5() assert(false, "plain") end
function test_6() local x; x.y = 1 end
function test_7() assert.is_nil(7) end
)"),
            1);
  EXPECT_THAT(out_, HasSubstr(R"(:3: test_1: expected {a = 1, b = {[1] = "x"}}, got {)"));
  EXPECT_THAT(out_, HasSubstr(R"(:4: test_2: the name: "ba" does not match "^a")"));
  EXPECT_THAT(out_, HasSubstr(":5: test_3: expected an error"));
  EXPECT_THAT(out_, HasSubstr("does not match \"this\""));
  EXPECT_THAT(out_, HasSubstr(":7: test_5: plain"));
  EXPECT_THAT(out_, HasSubstr("attempt to index local 'x'"));
  EXPECT_THAT(out_, HasSubstr(":9: test_7: expected nil, got 7"));
  EXPECT_THAT(out_, HasSubstr("0 passed, 7 failed\n"));
}

TEST_F(Runner, RunsWhatStandsAroundTests) {
  EXPECT_EQ(runText(R"(
local steps = {}
local function note(what) return function() steps[#steps + 1] = what end end
before_each(note("b"))
after_each(note("a"))
describe("inner", function()
  before_each(note("B"))
  after_each(note("A"))
  it("fails", function() note("1")() error("x") end)
  it("passes", note("2"))
end)
it("saw all", function() assert.equal("bB1Aa,bB2Aa,b", table.concat(steps):gsub("ab", "a,b"), nil) end)
)"),
            1);
  EXPECT_THAT(out_, HasSubstr("2 passed, 1 failed"));
}

TEST_F(Runner, FilesThatAreNoTestsFail) {
  EXPECT_EQ(runText("local x = 1"), 1);
  EXPECT_THAT(out_, HasSubstr("there are no tests"));
  EXPECT_EQ(runText("function ("), 1);
  EXPECT_THAT(out_, HasSubstr("a_test.lua:2:"));
  EXPECT_EQ(runText("error('at once')"), 1);
  EXPECT_THAT(out_, HasSubstr("at once"));
  EXPECT_EQ(run({folder_.file("none.lua")}), 1);
  EXPECT_THAT(out_, HasSubstr("none.lua"));
}

TEST_F(Runner, AScriptThatDoesNotLoadFailsItsTests) {
  folder_.write("bad.lua", "function envoy_on_request(handle)\n  local = 1\nend");
  EXPECT_EQ(runText("function test_it() weir_test.load('bad.lua') end"), 1);
  EXPECT_THAT(out_, HasSubstr("bad.lua:2:"));
}

TEST_F(Runner, PlaysAWholeExchange) {
  folder_.write("all.lua", R"(
function envoy_on_request(handle)
  local body = handle:body()
  handle:headers():add("size", body:length())
  local trailers = handle:trailers()
  local info = handle:streamInfo()
  local tls = info:downstreamSslConnection()
  handle:headers():add("facts", table.concat({info:protocol(), info:routeName(),
    info:downstreamRemoteAddress(), tls:tlsVersion(), tls:subjectPeerCertificate(),
    handle:metadata():get("a").b[2], handle:virtualHost():metadata():get("c"),
    handle:filterContext().d}, "|"))
  info:dynamicMetadata():set("mine", "key", {1, "two"})
  info:drainConnectionUponCompletion()
  handle:httpCall("other", {[":method"] = "GET", [":path"] = "/x", [":authority"] = "a"}, "hi", 700)
end
function envoy_on_response(handle)
  for chunk in handle:bodyChunks() do chunk:setBytes(chunk:getBytes(0, chunk:length()):upper()) end
  handle:trailers():add("end", "1")
end
)");
  EXPECT_EQ(runText(R"(
weir_test.load("all.lua")
it("plays", function()
  local asked
  local r = weir_test.request{
    method = "PUT", path = "/p", http2 = true, chunks = {"ab", "cd"}, trailers = {t = "1"},
    route_name = "r", tls = {version = "TLSv1.3", peer = {subject = "CN=me"}},
    route_metadata = {a = {b = {1, 2}}}, virtual_host_metadata = {c = true and "c"},
    filter_context = {d = "d"},
    calls = {other = function(call) asked = call return {status = 204} end},
  }
  assert.is_true(r.forwarded)
  assert.is_false(r.responded)
  assert.is_false(r.failed)
  assert.equal("PUT", r.method)
  assert.equal("4", r.headers.size)
  assert.equal("HTTP/2|r|192.0.2.1:1234|TLSv1.3|CN=me|2|c|d", r.headers.facts)
  assert.equal("abcd", r.body)
  assert.same({t = "1"}, r.trailers)
  assert.same({mine = {key = {1, "two"}}}, r.metadata)
  assert.is_true(r.closes_connection)
  assert.equal("hi", asked.body)
  assert.equal(700, asked.timeout_ms)
  local answer = r:response{status = 201, headers = {["x-y"] = {"1", "2"}}, chunks = {"q", "r"},
                            trailers = {u = "2"}}
  assert.equal(201, answer.status)
  assert.equal("1,2", answer.headers["x-y"])
  assert.equal("QR", answer.body)
  assert.same({u = "2", ["end"] = "1"}, answer.trailers)
end)
)"),
            0)
      << out_;
}

TEST_F(Runner, MisuseOfTheLibraryIsAFailureThatSaysSo) {
  folder_.write("calls.lua", R"(
function envoy_on_request(handle)
  handle:httpCall("c", {[":method"] = "GET", [":path"] = "/", [":authority"] = "a"}, nil, 100)
  error("broken")
end)");
  EXPECT_EQ(runText(R"(
function test_1() weir_test.request{} end
function test_2() weir_test.load("calls.lua") weir_test.request{} end
function test_3() weir_test.request{calls = {c = 7}} end
function test_4() weir_test.request{bodi = ""} end
function test_5() weir_test.request{calls = {c = "pending"}}:response{} end
function test_6()
  local r = weir_test.request{calls = {c = {}}}
  assert.is_true(r.failed)
  assert.equal(500, r.answer.status)
end
)"),
            1);
  EXPECT_THAT(out_, HasSubstr(":3: test_1: load a script first"));
  EXPECT_THAT(out_, HasSubstr(":4: test_2: no stub answers the call to cluster \"c\""));
  EXPECT_THAT(out_, HasSubstr(":5: test_3: the answer to a call is a table"));
  EXPECT_THAT(out_, HasSubstr(":6: test_4: a request has no \"bodi\""));
  EXPECT_THAT(out_, HasSubstr(":7: test_5: there is nothing to answer"));
  EXPECT_THAT(out_, HasSubstr("1 passed, 5 failed"));
}

// The tests beside the examples of the documentation.
TEST_F(Runner, ExamplesOfTheDocumentationPass) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("docs/examples/lua")) {
    const std::string path = entry.path().string();
    if (!path.ends_with("_test.lua")) continue;
    ++files;
    EXPECT_EQ(run({path}), 0) << out_;
  }
  EXPECT_GE(files, 10);
}

}  // namespace
}  // namespace weir::extensions::http_filters::lua::test_runner
