-- Sends some requests to a canary: those with "x-canary: always", never those with "x-canary:
-- never", and of the others a part that depends on the user, so that each stays where they are.
-- metadata: { percent: 5 }. The cluster's load_balancing/override reads x-weir-endpoint.

-- 0 … 99, the same for the same text.
local function bucketOf(text)
  local digest = weir.crypto.sha256(text)
  return (digest:byte(1) * 256 + digest:byte(2)) % 100
end

function envoy_on_request(handle)
  local headers = handle:headers()
  headers:remove("x-weir-endpoint")
  local wish = headers:get("x-canary")
  local user = headers:get("x-user") or
               handle:streamInfo():downstreamRemoteAddress():gsub(":%d+$", "")
  local percent = handle:metadata():get("percent") or 0
  if wish == "always" or (wish ~= "never" and bucketOf(user) < percent) then
    headers:add("x-weir-endpoint", "canary")
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  headers:replace("x-served-by", handle:streamInfo():upstreamHost() or "nobody")
end
