local weir_test = require "weir.test"
weir_test.load("maintenance.lua")

describe("maintenance page", function()
  it("is shown to visitors", function()
    local r = weir_test.request{path = "/shop"}
    assert.is_true(r.responded)
    assert.equal(503, r.answer.status)
    assert.equal("600", r.answer.headers["retry-after"])
    assert.matches("<h1>", r.answer.body)
  end)

  it("is JSON for those who want that", function()
    local r = weir_test.request{headers = {accept = "application/json"}}
    assert.equal('{"error":"maintenance"}\n', r.answer.body)
    assert.equal("application/json", r.answer.headers["content-type"])
  end)

  it("lets health checks and the people at work through", function()
    assert.is_true(weir_test.request{path = "/healthz"}.forwarded)
    assert.is_true(weir_test.request{headers = {["x-maintenance-pass"] = "let-me-in"}}.forwarded)
    assert.is_false(weir_test.request{headers = {["x-maintenance-pass"] = "x"}}.forwarded)
  end)
end)
