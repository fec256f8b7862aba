local weir_test = require "weir.test"
weir_test.load("tarpit.lua", {shared_dictionaries = {"tarpit"}})

local function visit(agent)
  return weir_test.request{headers = {["user-agent"] = agent}, remote_address = "192.0.2.9:1"}
end

describe("tarpit", function()
  it("does not keep people waiting", function()
    assert.is_true(visit("Mozilla/5.0").forwarded)
  end)

  it("keeps bots waiting, longer each time", function()
    local r = visit("python-requests/2.31")
    assert.is_true(r.waiting)
    weir_test.advance(0.6)
    assert.is_true(r.forwarded)
    r = visit("Scrapy/2")
    weir_test.advance(0.6)
    assert.is_true(r.waiting)
    weir_test.advance(0.6)
    assert.is_true(r.forwarded)
  end)

  it("refuses them in the end", function()
    local r
    for _ = 1, 4 do
      r = visit("")
      weir_test.advance(9)
    end
    assert.is_true(r.responded)
    assert.equal(429, r.answer.status)
  end)
end)
