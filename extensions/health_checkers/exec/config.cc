#include "extensions/health_checkers/exec/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"

#include "api/weir/extensions/health_checkers/exec/v1/exec.pb.h"
#include "extensions/health_checkers/exec/exec.h"
#include "extensions/health_checkers/exec/exec_service.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/config/main_part.h"

namespace weir::extensions::health_checkers::exec {
namespace {

constexpr int kMaxArguments = 64;
constexpr size_t kMaxVariables = 64;
constexpr size_t kMaxBytes = 4096;
constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// What of Weir's own environment its programs see.
std::map<std::string, std::string> inherited() {
  std::map<std::string, std::string> variables;
  const char* const path = ::getenv("PATH");
  variables["PATH"] = path != nullptr ? std::string(path) : std::string(kDefaultPath);
  if (const char* const language = ::getenv("LANG")) variables["LANG"] = language;
  return variables;
}

// 0, or the errno that says why the file cannot be run.
int whyNotRunnable(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return errno;
  if (S_ISDIR(facts.st_mode)) return EISDIR;
  if (!S_ISREG(facts.st_mode)) return EACCES;
  return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

// The file that the shell would find; empty: none.
std::string findInPath(const std::string& name, std::string_view folders) {
  while (!folders.empty()) {
    const size_t end = std::min(folders.find(':'), folders.size());
    const std::string_view folder = folders.substr(0, end);
    folders.remove_prefix(std::min(end + 1, folders.size()));
    if (!folder.starts_with('/')) continue;
    std::string path = base::concat(folder, "/", name);
    if (whyNotRunnable(path) == 0) return path;
  }
  return {};
}

std::string programFile(const std::string& name, std::string_view folders,
                        const config::Cursor& at) {
  if (name.find('/') == std::string::npos) {
    std::string path = findInPath(name, folders);
    if (path.empty()) {
      at.error(base::concat("there is no program \"", absl::CEscape(name), "\" in PATH, which is ",
                            folders),
               "write its absolute path");
    }
    return path;
  }
  std::string path = at.resolvePath(name);
  if (const int error = whyNotRunnable(path); error != 0) {
    at.error(base::concat("cannot run ", absl::CEscape(path), ": ", ::strerror(error)),
             "name a file that the user of this process may execute");
  }
  return path;
}

void checkText(const std::string& text, const config::Cursor& at) {
  if (text.size() > kMaxBytes) {
    at.error(base::concat(text.size(), " bytes"), base::concat("use at most ", kMaxBytes));
  }
  if (text.find('\0') != std::string::npos) {
    at.error("has a NUL, at which a program would see it end", "leave it out");
  }
}

bool isVariableName(std::string_view name) {
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_';
         });
}

void addVariables(const v1::Exec& from, const config::Cursor& at,
                  std::map<std::string, std::string>& variables) {
  const std::map<std::string, std::string> sorted(from.environment().begin(),
                                                  from.environment().end());
  if (sorted.size() > kMaxVariables) {
    at.error(base::concat(sorted.size(), " variables"),
             base::concat("use at most ", kMaxVariables));
  }
  for (const auto& [name, value] : sorted) {
    if (!isVariableName(name)) {
      at.error(base::concat("\"", absl::CEscape(name), "\" is no name of a variable"),
               "use letters, digits and \"_\", a digit not first");
    } else if (name.starts_with("WEIR_")) {
      at.error(base::concat(name, " begins with \"WEIR_\", as the variables that Weir sets"),
               "choose another name");
    }
    checkText(name, at);
    checkText(value, at);
    variables[name] = value;
  }
}

// Puts the bound of the configuration that runs into force: checks that go on keep the factory of
// the one that they began with.
class Bound final : public config::MainPart {
 public:
  explicit Bound(uint32_t most) : most_(most) {}
  void start(base::ServiceMap& services) override {
    ExecService::of(services, most_).runner.setMost(most_);
  }
  void stop() override {}

 private:
  const uint32_t most_;
};

}  // namespace

std::shared_ptr<const upstream::HealthCheckerFactory> ExecExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Exec&>(config);
  const size_t problems = at.diagnostics().list().size();
  if (context.exec_programs == 0) {
    at.error("checks may not run programs", "allow it: health { allow_exec: true }");
  }
  auto variables = inherited();
  const std::string folders = variables["PATH"];
  addVariables(from, at.field("environment"), variables);
  ExecOptions options;
  options.command.assign(from.command().begin(), from.command().end());
  if (from.command_size() > kMaxArguments) {
    at.at("command", kMaxArguments)
        .error(base::concat("a command of ", from.command_size(), " words"),
               base::concat("use at most ", kMaxArguments));
  }
  for (int i = 0; i < from.command_size(); ++i) checkText(from.command(i), at.at("command", i));
  if (from.command().empty() || from.command(0).empty()) {
    at.field("command").error("is missing", "name the program and its arguments");
  } else {
    options.path = programFile(from.command(0), folders, at.at("command", 0));
  }
  options.degraded_exit_code = static_cast<int>(
      config::readNumberOr(from.degraded_exit_code(), 0, {1, 255}, at.field("degraded_exit_code")));
  for (const auto& [name, value] : variables) {
    options.environment.push_back(base::concat(name, "=", value));
  }
  if (at.diagnostics().list().size() > problems) return nullptr;
  context.main_parts.push_back(std::make_shared<Bound>(context.exec_programs));
  return std::make_shared<ExecCheck>(std::move(options), context.exec_programs);
}

}  // namespace weir::extensions::health_checkers::exec
