#include "extensions/http_filters/lua/test_runner/native.h"

namespace weir::extensions::http_filters::lua::test_runner {
namespace {

// Runs as function(native, file): makes the globals of a test file and the module weir.test, and
// returns run(), which runs what the file has defined.
constexpr std::string_view kLibrary = R"lua(
local native, file = ...
local folder = file:match("^(.*/)") or ""
local weir_test, script, stubs, seen_calls = {}, nil, {}, 0

-- ---- values as text, and comparison ----
local function show(value, depth)
  if type(value) == "string" then return string.format("%q", value) end
  if type(value) ~= "table" then return tostring(value) end
  if (depth or 0) > 6 then return "{…}" end
  local keys, parts = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    local name = type(key) == "string" and key:match("^[%a_][%w_]*$") or "[" .. show(key) .. "]"
    parts[#parts + 1] = name .. " = " .. show(value[key], (depth or 0) + 1)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in pairs(a) do if not same(value, b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

-- ---- failures ----
local Failure = {}
-- The line of the test file that is nearest on the stack.
local function whereInFile()
  for level = 2, 60 do
    local info = debug.getinfo(level, "Sl")
    if info == nil then break end
    if info.source == "@" .. file then return file .. ":" .. info.currentline end
  end
  return file
end
local function fail(text, message)
  if message ~= nil then text = tostring(message) .. ": " .. text end
  error(setmetatable({text = text, where = whereInFile()}, Failure), 0)
end
local function handler(problem)
  if getmetatable(problem) == Failure then return problem end
  return {text = tostring(problem), where = whereInFile()}
end

local check = {}
function check.equal(expected, actual, message)
  if expected ~= actual then
    fail("expected " .. show(expected) .. ", got " .. show(actual), message)
  end
end
function check.not_equal(unexpected, actual, message)
  if unexpected == actual then fail("did not expect " .. show(actual), message) end
end
function check.same(expected, actual, message)
  if not same(expected, actual) then
    fail("expected " .. show(expected) .. ", got " .. show(actual), message)
  end
end
function check.is_true(value, message) check.equal(true, value, message) end
function check.is_false(value, message) check.equal(false, value, message) end
function check.is_nil(value, message) check.equal(nil, value, message) end
function check.is_not_nil(value, message) check.not_equal(nil, value, message) end
function check.truthy(value, message)
  if not value then fail("expected something, got " .. show(value), message) end
end
function check.matches(pattern, text, message)
  if type(text) ~= "string" or not text:find(pattern) then
    fail(show(text) .. " does not match " .. show(pattern), message)
  end
end
function check.error(run, pattern)
  local good, problem = pcall(run)
  if good then fail("expected an error") end
  if getmetatable(problem) == Failure then problem = problem.text end
  if pattern ~= nil then check.matches(pattern, tostring(problem)) end
end
setmetatable(check, {__call = function(_, value, message, ...)
  if not value then fail(tostring(message or "assertion failed!")) end
  return value, message, ...
end})
assert = check

-- ---- tests ----
local tests, outer = {}, {name = "", before = {}, after = {}}
function describe(name, body)
  local parent = outer
  outer = {name = parent.name .. name .. " > ", parent = parent, before = {}, after = {}}
  body()
  outer = parent
end
function it(name, body)
  tests[#tests + 1] = {name = outer.name .. name, body = body, group = outer}
end
function before_each(body) table.insert(outer.before, body) end
function after_each(body) table.insert(outer.after, body) end

local function befores(group)
  if group.parent then befores(group.parent) end
  for _, body in ipairs(group.before) do body() end
end
local function afters(group)
  for _, body in ipairs(group.after) do body() end
  if group.parent then afters(group.parent) end
end
local function runOne(test)
  local good, problem = xpcall(function() befores(test.group) test.body() end, handler)
  local cleaned, second = xpcall(function() afters(test.group) end, handler)
  if not good then return problem end
  if not cleaned then return second end
end
local function plainTests()
  local found = {}
  for name, value in pairs(_G) do
    if type(name) == "string" and name:find("^test_") and type(value) == "function" then
      local line = debug.getinfo(value, "S").linedefined
      found[#found + 1] = {name = name, body = value, group = outer, line = line}
    end
  end
  table.sort(found, function(a, b) return a.line < b.line end)
  for _, test in ipairs(found) do tests[#tests + 1] = test end
end

-- ---- messages ----
local function flat(headers, what)
  local list = {}
  for name, value in pairs(headers or {}) do
    if type(name) ~= "string" then fail(what .. " need names: {[\"x-name\"] = \"value\"}") end
    for _, one in ipairs(type(value) == "table" and value or {value}) do
      list[#list + 1] = name
      list[#list + 1] = tostring(one)
    end
  end
  return list
end
-- By name in lower case; of one that comes again, with commas between.
local function byName(list)
  local headers = {}
  for i = 1, #list, 2 do
    local name = list[i]:lower()
    headers[name] = headers[name] and headers[name] .. "," .. list[i + 1] or list[i + 1]
  end
  return headers
end
local function message(seen)
  if seen == nil then return nil end
  seen.headers = byName(seen.fields)
  seen.trailers = seen.trailer_fields and byName(seen.trailer_fields)
  return seen
end

-- ---- calls of the script ----
local function answerCall(call, stub)
  if type(stub) == "function" then stub = stub(call) end
  if stub == "pending" then return end
  if stub == "timeout" or stub == "failure" then return native.reply(call.id, stub) end
  if type(stub) ~= "table" then
    fail("the answer to a call is a table, \"timeout\", \"failure\" or \"pending\", not " ..
         show(stub))
  end
  native.reply(call.id, stub.status or 200, flat(stub.headers, "headers of an answer"),
               stub.body or "")
end
local function settle(exchange)
  for _ = 1, 1000 do
    local new = native.calls(seen_calls + 1)
    if #new == 0 then return end
    for _, call in ipairs(new) do
      seen_calls = seen_calls + 1
      call.headers = byName(call.fields)
      if exchange then table.insert(exchange.calls, call) end
      local stub = exchange and exchange.stubs[call.cluster]
      if stub == nil then stub = stubs[call.cluster] end
      if native.is_open(call.id) then
        if stub == nil then fail("no stub answers the call to cluster " .. show(call.cluster)) end
        answerCall(call, stub)
      elseif type(stub) == "function" then
        stub(call)
      end
    end
  end
  fail("the script does not stop making calls")
end

-- ---- exchanges ----
local Exchange = {}
local facts = {
  forwarded = function(self) return native.upstream(self.id) ~= nil end,
  responded = function(self)
    return not self.asked and native.client(self.id) ~= nil
  end,
  waiting = function(self)
    return native.upstream(self.id) == nil and native.client(self.id) == nil
  end,
  answer = function(self) return message(native.client(self.id)) end,
}
for _, name in ipairs({"method", "path", "authority", "scheme", "headers", "body", "trailers"}) do
  facts[name] = function(self)
    local seen = message(native.upstream(self.id))
    return seen and seen[name]
  end
end
for _, name in ipairs({"failed", "closes_connection", "override_host", "metadata", "reset"}) do
  facts[name] = function(self) return native.state(self.id)[name] end
end
Exchange.__index = function(self, name)
  if facts[name] then return facts[name](self) end
  return Exchange[name]
end
function Exchange:send(text, last)
  native.send_body(self.id, text, last and true or false)
  settle(self)
end
function Exchange:response(spec)
  spec = spec or {}
  if native.upstream(self.id) == nil then
    fail("there is nothing to answer: the request was not forwarded")
  end
  if self.asked then fail("the request has been answered") end
  self.asked = true
  local body = spec.body or ""
  local chunks = spec.chunks or (body ~= "" and {body} or {})
  local ended = #chunks == 0 and not spec.trailers
  local length = not spec.chunks and not spec.trailers and #body or nil
  native.answer(self.id, spec.status or 200, flat(spec.headers, "headers"), length, ended)
  settle(self)
  for i, chunk in ipairs(chunks) do
    native.answer_body(self.id, chunk, i == #chunks and not spec.trailers)
    settle(self)
  end
  if spec.trailers then
    native.answer_trailers(self.id, flat(spec.trailers, "trailers"))
    settle(self)
  end
  return self.answer
end

local known = {}
for name in ("method path authority scheme headers body chunks trailers open http2 remote_address " ..
             "local_address tls route_name virtual_host_name cluster route_metadata " ..
             "virtual_host_metadata filter_context calls"):gmatch("%S+") do known[name] = true end

function weir_test.load(path, options)
  if type(path) ~= "string" then fail("load() takes the path of a script") end
  local absolute = path:sub(1, 1) == "/" and path or folder .. path
  local loaded, problem = native.load(absolute, options or {})
  if loaded == nil then fail(problem) end
  script = loaded
end
function weir_test.stub(cluster, answer) stubs[cluster] = answer end
function weir_test.request(spec)
  spec = spec or {}
  if script == nil then fail("load a script first: weir_test.load(\"script.lua\")") end
  for name in pairs(spec) do
    if not known[name] then fail("a request has no " .. show(name)) end
  end
  local wanted = setmetatable({}, {__index = spec})
  local defaults = {method = spec.body and "POST" or "GET", path = "/", authority = "example.com",
                    scheme = spec.tls and "https" or "http", remote_address = "192.0.2.1:1234",
                    local_address = "192.0.2.80:80"}
  for name, value in pairs(defaults) do wanted[name] = spec[name] or value end
  for name, value in pairs(spec) do wanted[name] = value end
  for _, name in ipairs({"route_metadata", "virtual_host_metadata"}) do
    if wanted[name] then wanted[name] = {lua = wanted[name]} end
  end
  if wanted.filter_context then
    wanted.filter_context = {filter_context = wanted.filter_context}
  end
  wanted.fields = flat(spec.headers, "headers")
  local self = setmetatable({calls = {}, stubs = spec.calls or {}, asked = false}, Exchange)
  rawset(self, "id", native.open(script, wanted))
  local chunks = spec.chunks or (spec.body and spec.body ~= "" and {spec.body} or {})
  native.begin(self.id, #chunks == 0 and not spec.trailers and not spec.open)
  settle(self)
  for i, chunk in ipairs(chunks) do
    native.send_body(self.id, chunk, i == #chunks and not spec.trailers and not spec.open)
    settle(self)
  end
  if spec.trailers then
    native.send_trailers(self.id, flat(spec.trailers, "trailers"))
    settle(self)
  end
  return self
end
function weir_test.advance(seconds)
  native.advance(seconds)
  settle(nil)
end

package.preload["weir.test"] = function() return weir_test end
package.path = folder .. "?.lua;" .. package.path

-- Loads the file and runs its tests: how many passed, and the failures as texts.
return function()
  local failures, passed = {}, 0
  local function note(name, problem)
    failures[#failures + 1] = problem.where .. ": " .. name .. ": " .. problem.text
  end
  local chunk, problem = loadfile(file)
  if chunk == nil then return 0, {problem} end
  local good, wrong = xpcall(chunk, handler)
  if not good then
    note("loading the tests", wrong)
    return 0, failures
  end
  plainTests()
  if #tests == 0 then return 0, {file .. ": there are no tests: use it(\"…\", function), or name " ..
                                 "functions test_…"} end
  for _, test in ipairs(tests) do
    local failure = runOne(test)
    stubs = {}
    if failure then note(test.name, failure) else passed = passed + 1 end
  end
  return passed, failures
end
)lua";

}  // namespace

std::string_view libraryText() {
  return kLibrary;
}

}  // namespace weir::extensions::http_filters::lua::test_runner
