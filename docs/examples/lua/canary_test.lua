local weir_test = require "weir.test"
weir_test.load("canary.lua")

local function sentTo(headers, percent)
  local r = weir_test.request{headers = headers, route_metadata = {percent = percent}}
  return r.headers["x-weir-endpoint"] or "any"
end

describe("canary", function()
  it("is for those who ask for it", function()
    assert.equal("canary", sentTo({["x-canary"] = "always"}, 0))
    assert.equal("any", sentTo({["x-canary"] = "never"}, 100))
  end)

  it("gets its part of the users", function()
    local count = 0
    for i = 1, 300 do
      if sentTo({["x-user"] = "user" .. i}, 20) == "canary" then count = count + 1 end
    end
    assert(count > 30 and count < 90, count .. " of 300")
  end)

  it("keeps a user where it is", function()
    local first = sentTo({["x-user"] = "ann"}, 50)
    for _ = 1, 5 do assert.equal(first, sentTo({["x-user"] = "ann"}, 50)) end
  end)

  it("cannot be chosen by the balancer's own header", function()
    assert.equal("any", sentTo({["x-weir-endpoint"] = "canary"}, 0))
  end)
end)
