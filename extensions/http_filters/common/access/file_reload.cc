#include "extensions/http_filters/common/access/file_reload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "source/base/concat.h"
#include "source/base/fd.h"
#include "source/base/log.h"
#include "source/base/task_pool.h"

namespace weir::extensions::http_filters {
namespace {

// When the pool takes no more work.
constexpr std::chrono::seconds kBusyPause{1};

absl::Status invalid(const std::string& text) {
  return absl::InvalidArgumentError(absl::string_view(text.data(), text.size()));
}

}  // namespace

absl::StatusOr<std::string> readSmallFile(const std::string& path, size_t most_bytes) {
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (!file.valid() || ::fstat(file.get(), &facts) != 0) {
    return invalid(base::concat(path, ": ", std::strerror(errno), "; name a file that is there"));
  }
  if (!S_ISREG(facts.st_mode)) return invalid(base::concat(path, ": is no regular file"));
  std::string text;
  char piece[64 * 1024];
  while (true) {
    const ssize_t count = ::read(file.get(), piece, sizeof piece);
    if (count < 0) return invalid(base::concat(path, ": ", std::strerror(errno)));
    if (count == 0) return text;
    text.append(piece, static_cast<size_t>(count));
    if (text.size() > most_bytes) {
      return invalid(base::concat(path, ": has more than ", most_bytes, " bytes"));
    }
  }
}

absl::Status fileError(const std::string& path, size_t line, std::string_view message) {
  return invalid(base::concat(path, ":", line, ": ", message));
}

// Main-thread only, but for `load`. Tasks under way hold on to it.
struct FileReload::State : std::enable_shared_from_this<FileReload::State> {
  explicit State(Options o) : options(std::move(o)) {}

  void reload() {
    if (running) {
      again = true;
      return;
    }
    running = pool->submit([self = shared_from_this(), to = dispatcher] {
      absl::Status status = self->options.load();
      to->post([self, status = std::move(status)] { self->onLoaded(status); });
    });
    if (!running) timer->start(kBusyPause);
  }
  void onLoaded(const absl::Status& status) {
    running = false;
    if (stopped) return;
    if (status.ok()) {
      block->counter(good).add();
      base::log::info(options.area, options.filter, ": has read its files again");
    } else {
      block->counter(bad).add();
      base::log::error(options.area, options.filter,
                       ": what was read before stays in force: ", status.message());
    }
    if (again) {
      again = false;
      reload();
    }
  }

  const Options options;
  stats::CounterId good{};
  stats::CounterId bad{};
  std::vector<event::FileIdentity> read;  // when the configuration was compiled
  event::Dispatcher* dispatcher = nullptr;
  base::TaskPool* pool = nullptr;
  stats::Block* block = nullptr;
  std::unique_ptr<event::FileWatcher::Handle> handle;
  std::unique_ptr<event::Timer> timer;
  bool running = false;
  bool again = false;
  bool stopped = false;
};

FileReload::FileReload(Options options, stats::Store& store)
    : state_(std::make_shared<State>(std::move(options))) {
  for (const std::string& file : state_->options.files) {
    state_->read.push_back(event::fileIdentity(file));
  }
  const auto counter = [&](const char* result) {
    return store.counter(base::concat(state_->options.area, "_reloads_total"),
                         "Files of the filter that were read again, by result.",
                         {{"filter", state_->options.filter}, {"result", result}});
  };
  state_->good = counter("accepted");
  state_->bad = counter("refused");
}

FileReload::~FileReload() {
  stop();
}

absl::Status FileReload::loadNow() {
  return state_->options.load();
}

void FileReload::start(base::ServiceMap& services) {
  State& state = *state_;
  state.dispatcher = &services.get<event::Dispatcher>();
  state.pool = &services.get<base::TaskPool>();
  state.block = &services.get<stats::Block>();
  state.timer = state.dispatcher->createTimer([&state] { state.reload(); });
  auto& watcher = services.shared<event::FileWatcher>(
      [&state] { return std::make_shared<event::FileWatcher>(*state.dispatcher); });
  state.handle = watcher.watch(state.options.files,
                               [&state](const std::vector<std::string>&) { state.reload(); });
  // What has changed between reading and watching.
  for (size_t i = 0; i < state.read.size(); ++i) {
    if (event::fileIdentity(state.options.files[i]) != state.read[i]) return state.reload();
  }
}

void FileReload::stop() {
  state_->stopped = true;
  state_->handle.reset();
  state_->timer.reset();
}

}  // namespace weir::extensions::http_filters
