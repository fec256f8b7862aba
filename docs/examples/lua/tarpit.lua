-- Makes bots wait: who has a User-Agent that is on the list gets the answer slowly, the more so the
-- more it asks, and in the end 429. Waiting costs no thread, only the stream.

local kBots = {"scrapy", "python%-requests", "masscan", "nikto"}
local kFirst, kMost = 0.5, 8  -- seconds

local visits = weir.shared("tarpit")
local delayed = weir.metrics.counter("tarpit_delayed_total", nil, "Requests of bots that had to wait")

local function isBot(agent)
  agent = agent:lower()
  for _, pattern in ipairs(kBots) do
    if agent:find(pattern) then return true end
  end
  return agent == ""
end

function envoy_on_request(handle)
  if not isBot(handle:headers():get("user-agent") or "") then return end
  local client = handle:streamInfo():downstreamRemoteAddress():gsub(":%d+$", "")
  local count = visits:incr(client, 1, 0, 600) or 1
  delayed:add(1)
  handle:sleep(1000 * math.min(kMost, kFirst * 2 ^ (count - 1)))
  if count > 5 then
    handle:respond({[":status"] = "429", ["retry-after"] = "600"}, "slow down\n")
  end
end
