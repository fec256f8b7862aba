// The weir binary: builds the registry of extensions and runs one command.

#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "extensions/all_extensions.h"
#include "source/base/concat.h"
#include "source/base/fd.h"
#include "source/base/log.h"
#include "source/base/registry.h"
#include "source/base/suggest.h"
#include "source/config/describe.h"
#include "source/config/snapshot.h"
#include "source/exe/command_line.h"
#include "source/exe/explain_command.h"
#include "source/explain/inquiry.h"
#include "source/explain/offline.h"
#include "source/plugin/inspect.h"
#include "source/plugin/loader.h"
#include "source/server/server.h"
#include "source/server/signal_source.h"
#include "source/server/version.h"
#include "source/stats/stats.h"

namespace weir::exe {
namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;  // a bad configuration, an address that is taken, a drain that timed out
constexpr int kUsage = 2;   // wrong arguments, a file that cannot be read

int usageError(std::string_view text) {
  std::fprintf(stderr, "weir: %.*s\n", static_cast<int>(text.size()), text.data());
  return kUsage;
}

// Why `path` cannot be read, or empty. Told apart from errors in the file: those are exit 1.
std::string unreadable(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return std::strerror(errno);
  if (S_ISDIR(facts.st_mode)) return "is a folder; name a file";
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return std::strerror(errno);
  std::fclose(file);
  return {};
}

struct Command {
  std::string_view name;  // one word, or two: "lua test"
  std::string_view summary;
  std::vector<Option> options;
  Operands operands;
  int (*run)(base::Registry& registry, const Arguments& arguments);
};

const Option kPluginsOption{"config", 'c', "FILE",
                            "A configuration, whose plugins are listed as well.", false};
const Option kConfigOption{"config", 'c', "FILE", "The configuration, in protobuf text format.",
                           true};

// With the plugins that the file lists, whose extensions the registry has afterwards. Null after
// saying what is wrong.
std::shared_ptr<const config::Snapshot> loadConfig(const std::string& path,
                                                   base::Registry& registry, stats::Store& stats) {
  config::Diagnostics diagnostics;
  std::shared_ptr<const config::Snapshot> snapshot;
  if (plugin::loadPlugins(path, registry, diagnostics)) {
    snapshot = config::Loader(registry, stats).loadFile(path, 1, diagnostics);
  }
  if (snapshot == nullptr) std::fputs(diagnostics.toString().c_str(), stderr);
  return snapshot;
}

int check(base::Registry& registry, const Arguments& arguments) {
  const std::string path = arguments.get("config");
  stats::Store stats;
  if (loadConfig(path, registry, stats) == nullptr) return kFailed;
  std::printf("%s: OK\n", path.c_str());
  return kOk;
}

absl::Status startLog(const config::RuntimeConfig& runtime) {
  const auto level = base::log::parseLevel(runtime.log_level);
  base::log::setLevel({}, level.value_or(base::log::Level::kInfo));
  return base::log::start({.file = runtime.log_path, .async = true});
}

int serve(base::Registry& registry, const Arguments& arguments) {
  // Before the first thread, so that all inherit it.
  server::SignalSource::block({SIGTERM, SIGINT, SIGUSR1});
  ::signal(SIGPIPE, SIG_IGN);
  stats::Store stats;
  const auto snapshot = loadConfig(arguments.get("config"), registry, stats);
  if (snapshot == nullptr) return kFailed;
  absl::Status status = startLog(snapshot->runtime);
  int exit_code = kFailed;
  if (status.ok()) {
    const uint32_t workers =
        snapshot->runtime.workers != 0 ? snapshot->runtime.workers : server::availableCores();
    auto server = server::Server::create(snapshot, stats, workers, {});
    status = server.status();
    if (server.ok()) exit_code = (*server)->run();
  }
  base::log::stop();
  if (!status.ok()) {
    const std::string_view message = base::view(status.message());
    std::fprintf(stderr, "weir: %.*s\n", static_cast<int>(message.size()), message.data());
  }
  return exit_code;
}

// 0: what the configuration says is done; 3: the request comes to nothing.
int explainRequest(base::Registry& registry, const Arguments& arguments) {
  constexpr int kRefused = 3;
  std::string error;
  const auto question = questionOf(arguments, error);
  if (!question) return usageError(error);
  stats::Store stats;
  const auto snapshot = loadConfig(arguments.get("config"), registry, stats);
  if (snapshot == nullptr) return kFailed;
  auto inquiry = explain::Inquiry::begin(snapshot, *question);
  if (!inquiry.ok()) return usageError(base::view(inquiry.status().message()));
  const absl::Status asked = explain::askOffline(**inquiry, *snapshot, stats);
  if (!asked.ok()) return usageError(base::view(asked.message()));
  const explain::Explanation& said = (*inquiry)->explanation();
  const std::string text = arguments.has("json") ? explain::toJson(said) : explain::toText(said);
  std::fputs(text.c_str(), stdout);
  return said.comesToNothing() ? kRefused : kOk;
}

int extensions(base::Registry& registry, const Arguments& arguments) {
  config::Diagnostics diagnostics;
  if (arguments.has("config") &&
      !plugin::loadPlugins(arguments.get("config"), registry, diagnostics)) {
    std::fputs(diagnostics.toString().c_str(), stderr);
    return kFailed;
  }
  std::fputs(config::describeExtensions(registry).c_str(), stdout);
  return kOk;
}

int inspectPlugin(base::Registry&, const Arguments& arguments) {
  const std::string& path = arguments.operands.front();
  if (const std::string why = unreadable(path); !why.empty()) {
    return usageError(base::concat(path, ": ", why));
  }
  const auto text = plugin::inspectPlugin(path);
  if (!text.ok()) {
    const std::string_view message = base::view(text.status().message());
    std::fprintf(stderr, "weir: %.*s\n", static_cast<int>(message.size()), message.data());
    return kFailed;
  }
  std::fputs(text->c_str(), stdout);
  return kOk;
}

int luaTest(base::Registry&, const Arguments& arguments) {
  for (const std::string& file : arguments.operands) {
    if (const std::string why = unreadable(file); !why.empty()) {
      return usageError(base::concat(file, ": ", why));
    }
  }
  std::string report;
  const int exit_code = weir::extensions::runLuaTests(arguments.operands, report);
  std::fputs(report.c_str(), stdout);
  return exit_code;
}

int version(base::Registry&, const Arguments&) {
  std::printf("weir %.*s\n", static_cast<int>(server::kVersion.size()), server::kVersion.data());
  return kOk;
}

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {"run", "Runs the proxy until SIGTERM or SIGINT.", {kConfigOption}, {}, serve},
      {"check",
       "Validates a configuration and every file it names, without side effects.",
       {kConfigOption},
       {},
       check},
      {"extensions",
       "Lists the extensions with category, configuration message and fields.",
       {kPluginsOption},
       {},
       extensions},
      {"explain", "Says what would become of a request, and why, without a proxy that runs.",
       explainOptions(), kExplainOperands, explainRequest},
      {"plugin inspect",
       "Loads a plugin and prints what it offers.",
       {},
       {"FILE", "The shared object.", false},
       inspectPlugin},
      {"lua test",
       "Runs the unit tests of Lua scripts, without a proxy.",
       {},
       {"FILE", "A file of tests in Lua, which loads the scripts that it tests.", /*many=*/true},
       luaTest},
      {"version", "Prints the version.", {}, {}, version},
  };
  return all;
}

std::string overview() {
  std::string text =
      "Weir, an extensible L4/L7 proxy and load balancer.\n\nUsage: weir COMMAND "
      "[OPTIONS]\n\nCommands:\n";
  for (const Command& command : commands()) {
    std::string name = base::concat("  ", command.name);
    name.resize(18, ' ');
    text += base::concat(name, command.summary, "\n");
  }
  return text + "\nweir COMMAND --help says more.\n";
}

// The command that `words` begin with, and how many of them name it.
struct Chosen {
  const Command* command = nullptr;
  size_t words = 0;
};
Chosen chooseCommand(std::span<char* const> words) {
  const std::string_view first = std::string_view(words[0]) == "--version" ? "version" : words[0];
  const std::string both = words.size() > 1 ? base::concat(first, " ", words[1]) : std::string();
  for (const Command& command : commands()) {
    if (command.name == both) return {&command, 2};
    if (command.name == first) return {&command, 1};
  }
  return {};
}

int unknownCommand(std::span<char* const> words) {
  const std::string_view first = words[0];
  std::vector<std::string> names;
  std::vector<std::string> longer;
  for (const Command& command : commands()) {
    names.emplace_back(command.name);
    if (command.name.starts_with(base::concat(first, " "))) longer.emplace_back(command.name);
  }
  if (!longer.empty()) {
    std::string known;
    for (const std::string& name : longer) known += base::concat(known.empty() ? "" : ", ", name);
    return usageError(base::concat("\"", first, "\" needs a second word: ", known));
  }
  return usageError(base::concat("unknown command \"", first, "\"", base::didYouMean(first, names),
                                 "; see weir --help"));
}

// What can be said without a registry: no arguments that are wrong, no file that cannot be read.
// nullopt: go on.
std::optional<int> settleArguments(const Command& command,
                                   const std::optional<Arguments>& arguments,
                                   std::string_view error) {
  if (!arguments.has_value()) return usageError(error);
  if (arguments->help) {
    const Syntax syntax{command.name, command.options, command.operands};
    std::fputs(usage(syntax, command.summary).c_str(), stdout);
    return kOk;
  }
  if (arguments->has("config")) {
    const std::string path = arguments->get("config");
    if (const std::string why = unreadable(path); !why.empty()) {
      return usageError(base::concat(path, ": ", why));
    }
  }
  return std::nullopt;
}

int main(std::span<char* const> words) {
  const std::string_view word = words.empty() ? "--help" : words[0];
  if (word == "--help" || word == "-h" || word == "help") {
    std::fputs(overview().c_str(), words.empty() ? stderr : stdout);
    return words.empty() ? kUsage : kOk;
  }
  const Chosen chosen = chooseCommand(words);
  if (chosen.command == nullptr) return unknownCommand(words);
  const Command& command = *chosen.command;
  std::string error;
  const auto arguments = parseArguments({command.name, command.options, command.operands},
                                        words.subspan(chosen.words), error);
  if (const auto settled = settleArguments(command, arguments, error)) return *settled;
  base::Registry registry;
  const absl::Status registered = weir::extensions::registerAllExtensions(registry);
  if (!registered.ok()) return usageError(base::view(registered.message()));
  return command.run(registry, *arguments);
}

}  // namespace
}  // namespace weir::exe

int main(int argc, char** argv) {
  return weir::exe::main({argv + 1, argc > 0 ? static_cast<size_t>(argc - 1) : 0});
}
