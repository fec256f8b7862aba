-- Signs requests for an origin that trusts only this proxy: HMAC-SHA256 over the time, the method,
-- the path and the body's hash. The key is in the route's metadata: { key: "…" }.

function envoy_on_request(handle)
  local headers = handle:headers()
  local key = handle:metadata():get("key")
  if key == nil then
    handle:logErr("the route has no key in its metadata")
    handle:respond({[":status"] = "500"}, "not configured\n")
  end
  local body = handle:body()
  local bytes = body and body:getBytes(0, body:length()) or ""
  local time = tostring(math.floor(handle:timestamp() / 1000))
  local text = table.concat({time, headers:get(":method"), headers:get(":path"),
                             weir.crypto.hex(weir.crypto.sha256(bytes))}, "\n")
  headers:replace("x-signed-at", time)
  headers:replace("x-signature", weir.crypto.hex(weir.crypto.hmac_sha256(key, text)))
end
