#include "source/lua/sandbox.h"

#include <string>

#include "source/lua/binding.h"
#include "source/lua/packages.h"
#include "source/lua/state.h"

namespace weir::lua {
namespace {

// Trusted: runs with everything in reach, before any script.
constexpr std::string_view kSandbox = R"lua(
local compile_loops, read_package, over, print_line = ...
jit.off(true, true)  -- what is here runs seldom
local real_load, real_xpcall, real_collect = load, xpcall, collectgarbage
local error, type, select, tostring, pairs = error, type, select, tostring, pairs
local concat, find = table.concat, string.find
local util, off = require("jit.util"), jit.off
local funcbc, funck, band, shr = util.funcbc, util.funck, bit.band, bit.rshift

-- Traces that begin where others are left (side traces, and those after a C function) can go back to
-- where they came from: recursion would run in a ring of them. Those that begin at functions only
-- go deeper, as far as the stack reaches, or return to the interpreter.
if not compile_loops then
  require("jit.opt").start("maxside=0", "hotexit=1000000", "minstitch=1000000")
end

local function last_opcode(f)
  local pc, op = 1
  while true do
    local ins = funcbc(f, pc)
    if not ins then return op end
    op, pc = band(ins, 255), pc + 1
  end
end
local CALLT = last_opcode(function(f) return f() end)
local CALLMT = last_opcode(function(f, g) return f(g()) end)

-- As jit/bc.lua reads instructions: jumps have operand kind 13, and a bias of 0x7fff.
local function returns_to_itself(f)
  local pc = 1
  while true do
    local ins, mode = funcbc(f, pc)
    if not ins then return false end
    local op = band(ins, 255)
    if op == CALLT or op == CALLMT then return true end
    if band(mode, 15 * 128) == 13 * 128 and shr(ins, 16) <= 0x7fff then return true end
    pc = pc + 1
  end
end

local function switch_off(f)
  if returns_to_itself(f) then off(f) end
  local n = -1
  while true do
    local constant = funck(f, n)
    if constant == nil then return end
    if type(constant) == "proto" then switch_off(constant) end
    n = n - 1
  end
end

-- Another LuaJIT may have other instructions: better no script than one without a budget.
local function known(expected, text)
  if returns_to_itself(real_load(text)) ~= expected then
    error("this LuaJIT has instructions that are not known here")
  end
end
known(true, "while true do end")
known(true, "repeat local x = 1 until false")
known(true, "for i = 1, 2 do end")
known(true, "for k in next, {} do end")
known(true, "for k in pairs({}) do end")
known(true, "::a:: do local x; (function() return x end)() goto a end")
known(true, "return f()")
known(true, "return f(g())")
known(true, "return f(...)")
known(false, "local a = f(1) if a then g(a.b) else return 3 end return a")

local function harden(f)
  if not compile_loops then switch_off(f) end
  return f
end

local function checked(f, message)
  if f then return harden(f) end
  return nil, message
end

function load(chunk, name, mode, ...)
  if mode ~= nil and not find(mode, "t", 1, true) then
    return nil, "attempt to load chunk (mode is '" .. mode .. "', only text is allowed)"
  end
  if select("#", ...) == 0 then return checked(real_load(chunk, name, "t")) end
  return checked(real_load(chunk, name, "t", (...)))
end

function loadstring(text, name)
  if type(text) ~= "string" then error("loadstring wants a string", 2) end
  return checked(real_load(text, name or text, "t"))
end

-- A handler runs where hooks do not: none runs when the time is over.
function xpcall(f, handler, ...)
  if type(handler) ~= "function" then error("xpcall wants a function to handle errors", 2) end
  return real_xpcall(f, function(e)
    if over() then return e end
    return handler(e)
  end, ...)
end

function collectgarbage(option)
  if option == "count" then return real_collect("count") end
  if option == nil or option == "collect" or option == "step" then
    real_collect("step")
    return 0
  end
  error("collectgarbage('" .. tostring(option) .. "') is not allowed: the proxy sees to that", 2)
end

function print(...)
  local parts = {...}
  for i = 1, select("#", ...) do parts[i] = tostring(parts[i]) end
  print_line(concat(parts, "\t", 1, select("#", ...)))
end

local loaded = {
  string = string, table = table, math = math, bit = bit, coroutine = coroutine,
  ["table.new"] = require("table.new"), ["table.clear"] = require("table.clear"),
}
local loading = {}
local preload = {}
package = {loaded = loaded, preload = preload}

function require(name)
  if type(name) ~= "string" then error("require wants the name of a package", 2) end
  local found = loaded[name]
  if found == loading then error("package '" .. name .. "' requires itself", 2) end
  if found ~= nil then return found end
  local f = preload[name]
  if f == nil then
    local text, chunk = read_package(name)
    if not text then error(chunk, 2) end
    local message
    f, message = real_load(text, chunk, "t")
    if not f then error(message, 0) end
    harden(f)
  end
  loaded[name] = loading
  local ok, result = pcall(f, name)
  if not ok then
    loaded[name] = nil
    error(result, 0)
  end
  if result ~= nil then loaded[name] = result end
  if loaded[name] == loading then loaded[name] = true end
  return loaded[name]
end

os = {time = os.time, clock = os.clock, date = os.date, difftime = os.difftime}
loaded.os = os
local metatable_of = debug.getmetatable
metatable_of("").__metatable = false
debug = {traceback = debug.traceback}
string.dump = nil
io, jit, ffi = nil, nil, nil
dofile, loadfile, module, newproxy, gcinfo, getfenv, setfenv = nil, nil, nil, nil, nil, nil, nil
loaded._G = _G
return harden
)lua";

int timeIsOver(lua_State* L) {
  lua_pushboolean(L, stateOf(L).timeIsOver() ? 1 : 0);
  return 1;
}

int printLine(lua_State* L) {
  const std::string_view line = checkText(L, 1);
  stateOf(L).log(base::log::Level::kInfo, line);
  return 0;
}

}  // namespace

int readPackage(lua_State* L) {
  std::string_view error;
  const Package* const package = stateOf(L).package(checkText(L, 1), error);
  if (package == nullptr) {
    lua_pushnil(L);
    pushText(L, error);
    return 2;
  }
  pushText(L, package->text);
  std::string& chunk = stateOf(L).scratch();
  chunk = chunkName(package->path);
  pushText(L, chunk);
  return 2;
}

void closeSandbox(lua_State* L, State& state) {
  if (luaL_loadbuffer(L, kSandbox.data(), kSandbox.size(), "=weir.sandbox") != 0) lua_error(L);
  lua_pushboolean(L, state.script().config().compile_loops ? 1 : 0);
  lua_pushcfunction(L, &readPackage);
  lua_pushcfunction(L, &timeIsOver);
  lua_pushcfunction(L, &printLine);
  lua_call(L, 4, 1);
}

}  // namespace weir::lua
