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

std::optional<Arguments> parseArguments(std::string_view command, std::span<const Option> options,
                                        std::span<char* const> words, std::string& error) {
  Arguments arguments;
  const auto fail = [&](std::string text) {
    error = std::move(text);
    return std::nullopt;
  };
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--help" || word == "-h") {
      arguments.help = true;
      return arguments;
    }
    if (word.size() < 2 || word[0] != '-') {
      return fail(
          base::concat("unexpected argument \"", word, "\"; see weir ", command, " --help"));
    }
    const bool is_long = word.starts_with("--");
    const size_t equals = is_long ? word.find('=') : std::string_view::npos;
    const std::string_view name = word.substr(is_long ? 2 : 1, equals - (is_long ? 2 : 1));
    const Option* option = is_long == (name.size() > 1) ? find(options, name) : nullptr;
    if (option == nullptr) return fail(unknownFlag(command, options, word.substr(0, equals)));
    if (arguments.has(std::string(option->name))) {
      return fail(base::concat("--", option->name, " is given twice; keep one"));
    }
    std::string& value = arguments.options[std::string(option->name)];
    if (option->value_name.empty()) {
      if (equals != std::string_view::npos) {
        return fail(base::concat("--", option->name, " takes no value"));
      }
    } else if (equals != std::string_view::npos) {
      value = word.substr(equals + 1);
    } else if (i + 1 < words.size()) {
      value = words[++i];
    } else {
      return fail(base::concat("--", option->name, " needs a value: --", option->name, " ",
                               option->value_name));
    }
  }
  for (const Option& option : options) {
    if (option.required && arguments.get(std::string(option.name)).empty()) {
      return fail(base::concat("--", option.name, " is missing: weir ", command, " --", option.name,
                               " ", option.value_name));
    }
  }
  return arguments;
}

std::string usage(std::string_view command, std::string_view summary,
                  std::span<const Option> options) {
  std::string text = base::concat(summary, "\n\nUsage: weir ", command);
  for (const Option& option : options) {
    const std::string shown =
        option.letter != 0 ? base::concat("-", option.letter, option.value_name.empty() ? "" : " ",
                                          option.value_name)
                           : base::concat("--", option.name, option.value_name.empty() ? "" : " ",
                                          option.value_name);
    text += option.required ? base::concat(" ", shown) : base::concat(" [", shown, "]");
  }
  text += "\n\nOptions:\n";
  for (const Option& option : options) {
    std::string left = option.letter != 0 ? base::concat("  -", option.letter, ", ") : "      ";
    left +=
        base::concat("--", option.name, option.value_name.empty() ? "" : " ", option.value_name);
    left.resize(std::max<size_t>(left.size() + 2, 28), ' ');
    text += base::concat(left, option.help, "\n");
  }
  text += "  -h, --help                This text.\n";
  return text;
}

}  // namespace weir::exe
