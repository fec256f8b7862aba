-- Sends GraphQL mutations to another cluster than queries. The route is looked up for a path that
-- says the kind of operation, and then the path becomes what it was: see keep_route in
-- graphql.textproto.

local kKinds = {query = true, mutation = true, subscription = true}

-- The kind of the operation `wanted` in a document, or of its first one.
local function kindOf(document, wanted)
  document = document:gsub('"[^"\n]*"', ""):gsub("#[^\n]*", "")
  local depth, first, defining, naming = 0, nil, false, nil
  for token in document:gsub("[^%w_{}]", " "):gsub("[{}]", " %0 "):gmatch("%S+") do
    if token == "{" then
      if depth == 0 and not defining then first = first or "query" end
      depth = depth + 1
    elseif token == "}" then
      depth = depth - 1
      if depth <= 0 then defining = false end
    elseif depth == 0 then
      if naming then
        if token == wanted then return naming end
        naming = nil
      elseif not defining then
        defining = true
        if kKinds[token] then first, naming = first or token, token end
      end
    end
  end
  return first or "query"
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local body = headers:get(":method") == "POST" and handle:body()
  local kind = "query"
  if body then
    local request = weir.json.decode(body:getBytes(0, body:length()))
    if type(request) ~= "table" or type(request.query) ~= "string" then
      handle:respond({[":status"] = "400", ["content-type"] = "application/json"},
                     '{"errors":[{"message":"no GraphQL request"}]}\n')
    end
    local name = type(request.operationName) == "string" and request.operationName or nil
    kind = kindOf(request.query, name)
  end
  local path = headers:get(":path")
  headers:replace(":path", "/.graphql/" .. kind)
  handle:clearRouteCache()
  handle:streamInfo():routeName()  -- looks the route up
  headers:replace(":path", path)
  headers:replace("x-graphql-operation", kind)
end
