#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::exe {

// An option of a command.
struct Option {
  std::string_view name;        // without dashes: "config"
  char letter = 0;              // "c"; 0: none
  std::string_view value_name;  // "FILE"; empty: a switch
  std::string_view help;
  bool required = false;
  bool many = false;  // may be given several times
};

// What a command takes besides its options.
struct Operands {
  std::string_view name;  // "FILE"; empty: none
  std::string_view help;
  bool many = false;  // one or more, else exactly one
};

// What a command is called with.
struct Arguments {
  std::map<std::string, std::string> options;             // by long name, the last; a switch has ""
  std::map<std::string, std::vector<std::string>> lists;  // those that may come several times
  std::vector<std::string> operands;
  bool help = false;

  bool has(const std::string& name) const { return options.contains(name); }
  std::string get(const std::string& name, std::string fallback = {}) const;
  std::vector<std::string> all(const std::string& name) const;
};

// How a command is called. Borrows.
struct Syntax {
  std::string_view command;  // "run", "plugin inspect"
  std::span<const Option> options;
  Operands operands = {};
};

// Parses "--name VALUE", "--name=VALUE", "-n VALUE", switches and operands; behind "--" all are
// operands. On an error returns nullopt and puts one line that says what is wrong and what would be
// right into `error`.
std::optional<Arguments> parseArguments(const Syntax& syntax, std::span<char* const> words,
                                        std::string& error);

// The help text of a command.
std::string usage(const Syntax& syntax, std::string_view summary);

}  // namespace weir::exe
