local weir_test = require "weir.test"
weir_test.load("json_body.lua")

local function answered(body, headers)
  headers = headers or {["content-type"] = "application/json; charset=utf-8", etag = '"1"'}
  return weir_test.request{}:response{headers = headers, body = body}
end

describe("JSON bodies", function()
  it("lose the fields that are secret", function()
    local answer = answered('{"user":{"name":"ann","password":"x"},"list":[{"internal_id":7}]}')
    assert.is_nil(answer.body:find("password", 1, true))
    assert.is_nil(answer.body:find("internal_id", 1, true))
    assert.matches('"name":"ann"', answer.body)
    assert.is_nil(answer.headers.etag)
  end)

  it("become an error when they are none", function()
    local answer = answered("{oops")
    assert.equal(502, answer.status)
    assert.matches("error", answer.body)
  end)

  it("are left alone when they are of another type", function()
    local answer = answered('{"password":"x"}', {["content-type"] = "text/plain"})
    assert.equal('{"password":"x"}', answer.body)
  end)

  it("may be empty", function() assert.equal("", answered("").body) end)
end)
