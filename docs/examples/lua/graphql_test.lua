local weir_test = require "weir.test"
weir_test.load("graphql.lua")

local function kindOf(body) return weir_test.request{path = "/graphql", body = body} end

describe("GraphQL", function()
  it("tells mutations from queries", function()
    assert.equal("query", kindOf('{"query":"{ me { name } }"}').headers["x-graphql-operation"])
    assert.equal("mutation", kindOf('{"query":"mutation($n: In = {a: 1}) { add(n: $n) { id } }"}')
                                 .headers["x-graphql-operation"])
    assert.equal("mutation", kindOf('{"query":"fragment F on U { id } mutation M { a { ...F } }"}')
                                 .headers["x-graphql-operation"])
  end)

  it("looks at the operation that is to run", function()
    local two = '{"query":"query mutation { a } mutation B { b }","operationName":"B"}'
    assert.equal("mutation", kindOf(two).headers["x-graphql-operation"])
    two = two:gsub('"B"}', '"mutation"}')
    assert.equal("query", kindOf(two).headers["x-graphql-operation"])
  end)

  it("is not misled by texts and comments", function()
    local r = kindOf([[{"query":"# mutation {\n{ find(text: \"mutation {\") { id } }"}]])
    assert.equal("query", r.headers["x-graphql-operation"])
  end)

  it("leaves path and body as they were", function()
    local r = kindOf('{"query":"mutation { a }"}')
    assert.equal("/graphql", r.path)
    assert.equal('{"query":"mutation { a }"}', r.body)
  end)

  it("refuses what is no request", function()
    assert.equal(400, kindOf("hello").answer.status)
  end)
end)
