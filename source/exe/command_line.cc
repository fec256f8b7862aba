#include "source/exe/command_line.h"

#include <algorithm>

#include "source/base/concat.h"
#include "source/base/suggest.h"

namespace weir::exe {
namespace {

const Option* find(std::span<const Option> options, std::string_view name) {
  const auto found = std::find_if(options.begin(), options.end(), [&](const Option& option) {
    return option.name == name ||
           (name.size() == 1 && option.letter != 0 && option.letter == name[0]);
  });
  return found == options.end() ? nullptr : &*found;
}

std::string unknownFlag(std::string_view command, std::span<const Option> options,
                        std::string_view word) {
  std::vector<std::string> known{"--help"};
  for (const Option& option : options) known.push_back(base::concat("--", option.name));
  return base::concat("unknown flag \"", word, "\"", base::didYouMean(word, known), "; see weir ",
                      command, " --help");
}

}  // namespace

std::string Arguments::get(const std::string& name, std::string fallback) const {
  const auto found = options.find(name);
  return found == options.end() ? fallback : found->second;
}

std::vector<std::string> Arguments::all(const std::string& name) const {
  const auto found = lists.find(name);
  return found == lists.end() ? std::vector<std::string>() : found->second;
}

namespace {

// One run over the words of one command.
class Parser {
 public:
  Parser(const Syntax& syntax, std::span<char* const> words, std::string& error)
      : syntax_(syntax), words_(words), error_(error) {}

  std::optional<Arguments> parse() {
    while (next_ < words_.size() && !arguments_.help) {
      if (!parseWord(words_[next_++])) return std::nullopt;
    }
    if (!arguments_.help && !complete()) return std::nullopt;
    return std::move(arguments_);
  }

 private:
  bool parseWord(std::string_view word) {
    if (only_operands_ || word.size() < 2 || word[0] != '-') return addOperand(word);
    if (word == "--") return only_operands_ = true;
    if (word == "--help" || word == "-h") return arguments_.help = true;
    return parseOption(word);
  }
  bool addOperand(std::string_view word) {
    const Operands& wanted = syntax_.operands;
    if (wanted.name.empty() || (!wanted.many && !arguments_.operands.empty())) {
      return fail("unexpected argument \"", word, "\"; see weir ", syntax_.command, " --help");
    }
    arguments_.operands.emplace_back(word);
    return true;
  }
  bool parseOption(std::string_view word);
  bool complete();

  template <class... Parts>
  bool fail(const Parts&... parts) {
    error_ = base::concat(parts...);
    return false;
  }

  const Syntax& syntax_;
  const std::span<char* const> words_;
  std::string& error_;
  size_t next_ = 0;
  bool only_operands_ = false;
  Arguments arguments_;
};

bool Parser::parseOption(std::string_view word) {
  const bool is_long = word.starts_with("--");
  const size_t equals = is_long ? word.find('=') : std::string_view::npos;
  const std::string_view name = word.substr(is_long ? 2 : 1, equals - (is_long ? 2 : 1));
  const Option* option = is_long == (name.size() > 1) ? find(syntax_.options, name) : nullptr;
  if (option == nullptr) {
    return fail(unknownFlag(syntax_.command, syntax_.options, word.substr(0, equals)));
  }
  if (!option->many && arguments_.has(std::string(option->name))) {
    return fail("--", option->name, " is given twice; keep one");
  }
  std::string& value = arguments_.options[std::string(option->name)];
  if (option->value_name.empty()) {
    return equals == std::string_view::npos || fail("--", option->name, " takes no value");
  }
  if (equals != std::string_view::npos) {
    value = word.substr(equals + 1);
  } else if (next_ < words_.size()) {
    value = words_[next_++];
  } else {
    return fail("--", option->name, " needs a value: --", option->name, " ", option->value_name);
  }
  if (option->many) arguments_.lists[std::string(option->name)].push_back(value);
  return true;
}

// Is all there that has to be?
bool Parser::complete() {
  for (const Option& option : syntax_.options) {
    if (option.required && arguments_.get(std::string(option.name)).empty()) {
      return fail("--", option.name, " is missing: weir ", syntax_.command, " --", option.name, " ",
                  option.value_name);
    }
  }
  if (!syntax_.operands.name.empty() && arguments_.operands.empty()) {
    return fail(syntax_.operands.name, " is missing: weir ", syntax_.command, " ",
                syntax_.operands.name);
  }
  return true;
}

void appendHelp(std::string left, std::string_view help, std::string& text) {
  left.resize(std::max<size_t>(left.size() + 2, 28), ' ');
  text += base::concat(left, help, "\n");
}

}  // namespace

std::optional<Arguments> parseArguments(const Syntax& syntax, std::span<char* const> words,
                                        std::string& error) {
  return Parser(syntax, words, error).parse();
}

std::string usage(const Syntax& syntax, std::string_view summary) {
  std::string text = base::concat(summary, "\n\nUsage: weir ", syntax.command);
  for (const Option& option : syntax.options) {
    const std::string_view gap = option.value_name.empty() ? "" : " ";
    const std::string shown = option.letter != 0
                                  ? base::concat("-", option.letter, gap, option.value_name)
                                  : base::concat("--", option.name, gap, option.value_name);
    text += option.required ? base::concat(" ", shown) : base::concat(" [", shown, "]");
  }
  const Operands& operands = syntax.operands;
  if (!operands.name.empty()) {
    text += base::concat(" ", operands.name, operands.many ? "…" : "", "\n\nArguments:\n");
    appendHelp(base::concat("  ", operands.name), operands.help, text);
    text += "\nOptions:\n";
  } else {
    text += "\n\nOptions:\n";
  }
  for (const Option& option : syntax.options) {
    const std::string left =
        option.letter != 0 ? base::concat("  -", option.letter, ", ") : std::string(6, ' ');
    appendHelp(base::concat(left, "--", option.name, option.value_name.empty() ? "" : " ",
                            option.value_name),
               option.help, text);
  }
  return text + "  -h, --help                This text.\n";
}

}  // namespace weir::exe
