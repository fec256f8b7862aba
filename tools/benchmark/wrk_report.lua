-- Prints what the bench reads, exactly, as one line. No hook runs per request, unless there is an
-- argument: then requests go to so many hosts in turns, each to another corner of the proxy's tables.
init = function(arguments)
  local hosts = tonumber(arguments[1])
  if not hosts then return end
  local requests = {}
  for i = 0, hosts - 1 do
    wrk.headers["Host"] = "shop" .. i * 7919 % hosts .. ".example"  -- a prime: each host once
    requests[i] = wrk.format()
  end
  local at = -1
  request = function()
    at = (at + 1) % hosts
    return requests[at]
  end
end

done = function(summary, latency, requests)
  io.write(string.format(
    'result requests=%d microseconds=%d connect=%d read=%d write=%d status=%d timeout=%d p50=%d p90=%d p99=%d\n',
    summary.requests, summary.duration, summary.errors.connect, summary.errors.read,
    summary.errors.write, summary.errors.status, summary.errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
