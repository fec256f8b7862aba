local weir_test = require "weir.test"

describe("header signing", function()
  before_each(function() weir_test.load("header_signing.lua") end)

  it("signs what it forwards", function()
    local r = weir_test.request{path = "/pay", body = "amount=1", route_metadata = {key = "k"}}
    assert.matches("^%d+$", r.headers["x-signed-at"])
    assert.matches("^" .. ("%x"):rep(64) .. "$", r.headers["x-signature"])
    assert.equal("amount=1", r.body)
  end)

  it("signs another body otherwise", function()
    local one = weir_test.request{body = "a", route_metadata = {key = "k"}}
    local other = weir_test.request{body = "b", route_metadata = {key = "k"}}
    local again = weir_test.request{body = "a", route_metadata = {key = "k"}}
    assert.not_equal(one.headers["x-signature"], other.headers["x-signature"])
    assert.equal(one.headers["x-signature"], again.headers["x-signature"])
  end)

  it("does not take the client's own signature", function()
    local r = weir_test.request{headers = {["x-signature"] = "mine"}, route_metadata = {key = "k"}}
    assert.not_equal("mine", r.headers["x-signature"])
  end)

  it("fails closed without a key", function()
    assert.equal(500, weir_test.request{}.answer.status)
  end)
end)
