#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

struct lua_State;

namespace weir::extensions::routing::lua {

// Reads tables that a script has returned. Nothing here raises Lua errors or leaves anything on the
// stack, so that C++ objects may be alive around it: metatables are not looked at. Worker-confined.
class TableReader {
 public:
  // What one key means. Its value is on top of the stack. False after refuse().
  struct Option {
    std::string_view name;
    bool (*read)(TableReader& reader, lua_State* L, void* target);
  };
  struct Range {
    double least;
    double most;
  };

  // Each pair of the table on top; keys are names of `options`.
  bool walk(lua_State* L, std::span<const Option> options, void* target);
  // Each value of the list on top; `name` says what it is.
  bool walkList(lua_State* L, bool (*read)(TableReader& reader, lua_State* L, void* target),
                void* target);

  // Of the value on top.
  bool text(lua_State* L, std::string& to);
  bool flag(lua_State* L, bool& to);
  bool number(lua_State* L, Range range, double& to);
  bool whole(lua_State* L, Range range, uint64_t& to);
  // Seconds; at least `least`, at most 24 h.
  bool duration(lua_State* L, std::chrono::milliseconds least, std::chrono::milliseconds& to);

  // Notes what is wrong with the value that is being read; false. `problem`: "is not a path".
  bool refuse(std::string_view problem);
  // "returned a table whose retry.max_retries is 11; it has to be 1 to 10"
  const std::string& problem() const { return problem_; }
  void clear() {
    path_.clear();
    problem_.clear();
  }

  static constexpr int kMaxPairs = 1000;  // of one table

 private:
  bool refuseType(lua_State* L, std::string_view wanted);

  std::string path_;
  std::string problem_;
};

// Appends what tells the value on top from others that mean something else; without what the key
// `except` of the table itself has. False: it is too large, or has what cannot be compared.
bool appendFingerprint(lua_State* L, std::string_view except, std::string& out);

}  // namespace weir::extensions::routing::lua
