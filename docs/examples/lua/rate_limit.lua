-- So many requests per user in a window of time, over all workers. A user is who x-user names, or
-- else the client's address. metadata: { requests: 100 seconds: 60 }.

local counts = weir.shared("limits")
local refused = weir.metrics.counter("rate_limited_total", nil, "Requests over their user's limit")

function envoy_on_request(handle)
  local limits = handle:metadata()
  local most, window = limits:get("requests") or 100, limits:get("seconds") or 60
  local user = handle:headers():get("x-user") or
               handle:streamInfo():downstreamRemoteAddress():gsub(":%d+$", "")
  -- Weir makes room for new keys by dropping those that were not used for longest.
  local count = counts:incr(user, 1, 0, window) or 1
  if count <= most then return end
  refused:add(1)
  local left = counts:ttl(user) or window
  handle:respond({[":status"] = "429", ["retry-after"] = tostring(math.ceil(left))},
                 "too many requests\n")
end
