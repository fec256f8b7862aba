#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"

#include "api/weir/config/v1/config.pb.h"
#include "source/base/concat.h"
#include "source/config/canonical.h"
#include "source/config/compiler.h"
#include "source/config/parsed_file.h"
#include "source/config/snapshot.h"
#include "source/config/text_parser.h"

namespace weir::config {
namespace {

constexpr size_t kMaxFileBytes = 256u << 20;

}  // namespace

std::string readConfigFile(const std::string& path, std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return base::concat("cannot be opened: ", std::strerror(errno));
  const absl::Cleanup close = [file] { std::fclose(file); };
  struct stat facts {};
  if (::fstat(::fileno(file), &facts) == 0 && S_ISDIR(facts.st_mode)) return "is a folder";
  char piece[64 * 1024];
  while (const size_t got = std::fread(piece, 1, sizeof piece, file)) {
    text.append(piece, got);
    if (text.size() > kMaxFileBytes) return "is larger than 256 MiB";
  }
  if (std::ferror(file) != 0) return base::concat("cannot be read: ", std::strerror(errno));
  return {};
}

struct Loader::State {
  const base::Registry& registry;
  stats::Store& stats;
  Compiler::Usages usages = {};
  DictionaryCompiler::Known dictionaries = {};
};

Loader::Loader(const base::Registry& registry, stats::Store& stats)
    : state_(new State{registry, stats}) {}

Loader::~Loader() = default;

std::shared_ptr<const Snapshot> Loader::loadFile(const std::string& path, uint64_t version,
                                                 Diagnostics& diagnostics) {
  std::string text;
  const std::string problem = readConfigFile(path, text);
  if (problem.empty()) return loadText(text, path, version, diagnostics);
  diagnostics.add({.file = path, .field_path = {}, .what = problem, .right = {}});
  return nullptr;
}

std::shared_ptr<const Snapshot> Loader::loadText(std::string_view text,
                                                 const std::string& file_name, uint64_t version,
                                                 Diagnostics& diagnostics) {
  Diagnostics found;
  ParsedFile file(file_name, found);
  v1::Config config;
  auto snapshot = std::make_shared<Snapshot>();
  if (parseText(text, state_->registry, file, config)) {
    Compiler(state_->registry, state_->stats, state_->usages, state_->dictionaries)
        .compile(config, file.rootCursor(), *snapshot);
  }
  const auto expired = [](const auto& entry) { return entry.second.expired(); };
  std::erase_if(state_->usages, expired);
  std::erase_if(state_->dictionaries, expired);
  for (const Diagnostic& diagnostic : found.list()) diagnostics.add(diagnostic);
  if (!found.ok()) return nullptr;
  snapshot->version = version;
  snapshot->text = canonicalText(config, state_->registry);
  snapshot->json = canonicalJson(config, state_->registry);
  return snapshot;
}

}  // namespace weir::config
