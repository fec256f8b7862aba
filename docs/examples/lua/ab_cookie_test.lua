local weir_test = require "weir.test"
weir_test.load("ab_cookie.lua")

function test_a_new_visitor_gets_a_group_and_the_cookie()
  local r = weir_test.request{route_metadata = {share = 1}}
  assert.equal("b", r.headers["x-experiment"])
  local answer = r:response{status = 200, body = "page"}
  assert.matches("^experiment=b; Path=/", answer.headers["set-cookie"])
end

function test_the_share_may_be_nothing()
  assert.equal("a", weir_test.request{route_metadata = {share = 0}}.headers["x-experiment"])
end

function test_who_has_the_cookie_stays_in_the_group()
  local r = weir_test.request{headers = {cookie = "x=1; experiment=a"},
                              route_metadata = {share = 1}}
  assert.equal("a", r.headers["x-experiment"])
  assert.is_nil(r:response{}.headers["set-cookie"])
end

function test_a_cookie_that_is_none_of_ours_does_not_count()
  local r = weir_test.request{headers = {cookie = "experiment=abc; other=experiment=a"},
                              route_metadata = {share = 1}}
  assert.equal("b", r.headers["x-experiment"])
end
