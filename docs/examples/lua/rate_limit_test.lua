local weir_test = require "weir.test"
weir_test.load("rate_limit.lua", {shared_dictionaries = {"limits"}})

local limit = {requests = 2, seconds = 10}
local function ask(user, address)
  return weir_test.request{headers = {["x-user"] = user}, remote_address = address,
                           route_metadata = limit}
end

describe("rate limit", function()
  it("counts each user", function()
    assert.is_true(ask("ann").forwarded)
    assert.is_true(ask("ann").forwarded)
    local r = ask("ann")
    assert.equal(429, r.answer.status)
    assert.equal("10", r.answer.headers["retry-after"])
    assert.is_true(ask("bob").forwarded)
  end)

  it("begins anew after the window", function()
    weir_test.advance(11)
    assert.is_true(ask("ann").forwarded)
  end)

  it("goes by the address of who has no name", function()
    assert.is_true(ask(nil, "198.51.100.7:1").forwarded)
    assert.is_true(ask(nil, "198.51.100.7:2").forwarded)
    assert.is_false(ask(nil, "198.51.100.7:3").forwarded)
    assert.is_true(ask(nil, "198.51.100.8:1").forwarded)
  end)
end)
