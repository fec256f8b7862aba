-- Parts the visitors into two groups that stay the same: a cookie keeps the group, and the origin
-- sees it in x-experiment. metadata: { share: 0.5 } is the part that is in group "b".

local kCookie = "experiment"

local function groupOf(cookies)
  return (";" .. (cookies or "")):match(";%s*" .. kCookie .. "=([ab])%f[;%z]")
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local group = groupOf(headers:get("cookie"))
  if group == nil then
    local share = handle:metadata():get("share") or 0.5
    group = math.random() < share and "b" or "a"
    handle:streamInfo():dynamicMetadata():set("ab_cookie", "new_group", group)
  end
  headers:replace("x-experiment", group)
end

function envoy_on_response(handle)
  local noted = handle:streamInfo():dynamicMetadata():get("ab_cookie")
  if noted and noted.new_group then
    handle:headers():add("set-cookie", kCookie .. "=" .. noted.new_group ..
                         "; Path=/; Max-Age=2592000; SameSite=Lax")
  end
end
