-- Tells the origin in x-country where the client's address is from. Prefixes of IPv4 and their
-- countries are in the route's metadata: { "203.0.113.0/24": "NL" }; the longest that fits counts.

local function number(address)
  local a, b, c, d = address:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  return a and ((a * 256 + b) * 256 + c) * 256 + d
end

function envoy_on_request(handle)
  local headers = handle:headers()
  headers:remove("x-country")
  local text = handle:streamInfo():downstreamRemoteAddress():match("^([%d.]+):%d+$")
  local client = text and number(text)
  if client == nil then return end
  local best, country = -1, nil
  for prefix, name in pairs(handle:metadata()) do
    local network, bits = prefix:match("^(.*)/(%d+)$")
    local begin = network and number(network)
    bits = tonumber(bits)
    if begin and bits > best then
      local size = 2 ^ (32 - bits)
      if math.floor(client / size) == math.floor(begin / size) then best, country = bits, name end
    end
  end
  if country then headers:add("x-country", country) end
end
