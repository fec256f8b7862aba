-- A page for the time of maintenance. A file of the same name with other text is loaded when it
-- changes, so kOn = false ends it at once. Who works on the site gets through with a header.

local kOn = true
local kPass = "let-me-in"
local kRetryAfter = "600"
local kPage = [[<!DOCTYPE html>
<title>Back soon</title>
<h1>We are working on it</h1>
<p>Please come back in ten minutes.</p>
]]

function envoy_on_request(handle)
  local headers = handle:headers()
  local path = headers:get(":path")
  if not kOn or path == "/healthz" or headers:get("x-maintenance-pass") == kPass then return end
  local json = (headers:get("accept") or ""):find("application/json", 1, true)
  handle:respond({
    [":status"] = "503",
    ["retry-after"] = kRetryAfter,
    ["cache-control"] = "no-store",
    ["content-type"] = json and "application/json" or "text/html; charset=utf-8",
  }, json and '{"error":"maintenance"}\n' or kPage)
end
