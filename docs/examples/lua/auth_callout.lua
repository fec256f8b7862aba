-- Asks the cluster "auth" about every request, and lets through what it answers with 2xx.
-- What "auth" says of the user in x-user goes on to the origin; clients cannot send that themselves.

function envoy_on_request(handle)
  local headers = handle:headers()
  headers:remove("x-user")
  local question = {
    [":method"] = "GET",
    [":path"] = "/check",
    [":authority"] = headers:get(":authority"),
    ["x-original-method"] = headers:get(":method"),
    ["x-original-path"] = headers:get(":path"),
  }
  for _, name in ipairs({"authorization", "cookie"}) do
    question[name] = headers:get(name)
  end
  local answer = handle:httpCall("auth", question, nil, 2000)
  local status = tonumber(answer[":status"])
  if status >= 500 then
    handle:respond({[":status"] = "503", ["retry-after"] = "5"}, "try again later\n")
  elseif status >= 300 then
    handle:respond({[":status"] = tostring(status),
                    ["www-authenticate"] = answer["www-authenticate"]}, "not allowed\n")
  elseif answer["x-user"] then
    headers:add("x-user", answer["x-user"])
  end
end
