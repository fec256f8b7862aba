local weir_test = require "weir.test"
weir_test.load("auth_callout.lua")

describe("auth call-out", function()
  it("lets through whom auth knows, and tells the origin who it is", function()
    local r = weir_test.request{
      path = "/orders",
      headers = {authorization = "Bearer 1", ["x-user"] = "admin"},
      calls = {auth = {status = 200, headers = {["x-user"] = "ann"}}},
    }
    assert.is_true(r.forwarded)
    assert.equal("ann", r.headers["x-user"])
    assert.equal("Bearer 1", r.calls[1].headers.authorization)
    assert.equal("/orders", r.calls[1].headers["x-original-path"])
  end)

  it("gives the client the refusal of auth", function()
    local r = weir_test.request{
      calls = {auth = {status = 401, headers = {["www-authenticate"] = "Bearer"}}},
    }
    assert.is_true(r.responded)
    assert.equal(401, r.answer.status)
    assert.equal("Bearer", r.answer.headers["www-authenticate"])
  end)

  it("is closed while auth does not answer", function()
    local r = weir_test.request{calls = {auth = "timeout"}}
    assert.equal(503, r.answer.status)
    assert.is_false(r.forwarded)
  end)
end)
