#include "extensions/http_filters/rate_limit/script.h"

#include <charconv>
#include <limits>

namespace weir::extensions::http_filters::rate_limit {
namespace {

// Numbers are written by %.0f: Lua's own way keeps 14 digits, and a time has 16.
constexpr std::string_view kScript = R"lua(
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local number = function(n) return string.format('%.0f', n) end
local plans, refused, out = {}, false, {}

local window = function(key, requests, per)
  local slice = math.ceil(per / 10)
  local current = math.floor(now / slice)
  local stored = redis.call('HGETALL', key)
  local used, slices, old = 0, {}, {}
  for i = 1, #stored, 2 do
    local at, count = tonumber(stored[i]), tonumber(stored[i + 1])
    if at >= current - 10 and at <= current + 11 then
      used = used + count
      slices[#slices + 1] = {at, count}
    else
      old[#old + 1] = stored[i]
    end
  end
  table.sort(slices, function(a, b) return a[1] < b[1] end)
  local passes = used < requests
  local left_over, next_at = used, now
  for i = 1, #slices do
    if left_over < requests then break end
    left_over = left_over - slices[i][2]
    next_at = (slices[i][1] + 11) * slice
  end
  local full_at = now
  if #slices > 0 then full_at = (slices[#slices][1] + 11) * slice end
  return {passes = passes, left = math.max(0, requests - used), next_at = next_at, full_at = full_at,
    count = function()
      if #old > 0 then redis.call('HDEL', key, unpack(old)) end
      redis.call('HINCRBY', key, number(current), 1)
      redis.call('PEXPIRE', key, number(math.ceil(slice * 12 / 1000)))
      local after = slice * (current + 11)
      local first = #slices > 0 and (slices[1][1] + 11) * slice or after
      return math.max(0, requests - used - 1), (used + 1 < requests) and now or first, after
    end}
end

local bucket = function(key, requests, per, burst)
  local interval = math.ceil(per / requests)
  local room = interval * (burst - 1)
  local full_at = tonumber(redis.call('GET', key) or 0)
  local start = math.min(math.max(full_at, now), now + room + interval)
  local passes = start - now <= room
  local left = math.max(0, math.floor((room + interval - (start - now)) / interval))
  return {passes = passes, left = left, next_at = math.max(now, start - room), full_at = start,
    count = function()
      local after = start + interval
      redis.call('SET', key, number(after), 'PX', number(math.ceil((after - now) / 1000) + 1))
      return math.max(0, left - 1), math.max(now, after - room), after
    end}
end

for i = 1, #KEYS do
  local a = (i - 1) * 4
  local requests, per = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local plan
  if ARGV[a + 1] == 'w' then
    plan = window(KEYS[i], requests, per)
  else
    plan = bucket(KEYS[i], requests, per, tonumber(ARGV[a + 4]))
  end
  plan.shadow = ARGV[#KEYS * 4 + i] == '1'
  if not plan.passes and not plan.shadow then refused = true end
  plans[i] = plan
end

for i = 1, #plans do
  local plan = plans[i]
  local left, next_at, full_at = plan.left, plan.next_at, plan.full_at
  if plan.passes and not refused then left, next_at, full_at = plan.count() end
  out[#out + 1] = (plan.passes and '1 ' or '0 ') .. number(left) .. ' ' ..
    number(math.ceil((next_at - now) / 1000)) .. ' ' .. number(math.ceil((full_at - now) / 1000)) .. ';'
end
return table.concat(out)
)lua";

// Takes a number and the byte behind it off the front of `text`.
bool takeNumber(std::string_view& text, char behind, uint64_t& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  if (error != std::errc() || end == text.data() + text.size() || *end != behind) return false;
  text.remove_prefix(static_cast<size_t>(end + 1 - text.data()));
  return true;
}

// A month and more: what is longer was not said by the script.
constexpr uint64_t kLongest = uint64_t{366} * 24 * 3600 * 1000;

}  // namespace

CountedLimit::CountedLimit(Kind kind, uint64_t requests, std::chrono::milliseconds per,
                           uint64_t burst)
    : arguments{kind == Kind::kWindow ? "w" : "b", std::to_string(requests),
                std::to_string(std::chrono::microseconds(per).count()), std::to_string(burst)} {}

std::string_view countingScript() {
  return kScript;
}

bool readStandings(std::string_view text, std::span<CountedStanding> to) {
  for (CountedStanding& standing : to) {
    uint64_t passes = 0;
    uint64_t next = 0;
    uint64_t full = 0;
    if (!takeNumber(text, ' ', passes) || !takeNumber(text, ' ', standing.left)) return false;
    if (!takeNumber(text, ' ', next) || !takeNumber(text, ';', full)) return false;
    if (passes > 1 || next > kLongest || full > kLongest) return false;
    standing.passes = passes == 1;
    standing.until_next = std::chrono::milliseconds(next);
    standing.until_full = std::chrono::milliseconds(full);
  }
  return text.empty();
}

}  // namespace weir::extensions::http_filters::rate_limit
