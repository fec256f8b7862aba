#include "source/event/file_watcher.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "source/base/fd.h"
#include "source/base/log.h"

// What is watched of a path: walking it from the root, each step that is a symbolic link, the file
// itself, and the first step that is missing, as a name in its folder. When such a name changes the
// walk is made anew, since it may lead elsewhere now.

namespace weir::event {
namespace {

constexpr std::string_view kArea = "file_watcher";
constexpr int kMaxLinks = 40;  // as the kernel
constexpr uint32_t kMask = IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                           IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

// The target of a symbolic link; nullopt for anything else.
std::optional<std::string> linkTarget(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  return std::string(target.data(), static_cast<size_t>(size));
}

// The names to watch for, by folder.
using Names = std::map<std::string, std::set<std::string, std::less<>>>;

std::string joined(const std::string& folder, std::string_view name) {
  std::string path = folder;
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

std::string parentOf(const std::string& folder) {
  const size_t slash = folder.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : folder.substr(0, slash);
}

void walk(const std::string& path, Names& names) {
  std::string folder = "/";
  std::string rest = path;
  int links = 0;
  while (!rest.empty()) {
    const size_t slash = rest.find('/');
    const std::string name = rest.substr(0, slash);
    rest = slash == std::string::npos ? std::string() : rest.substr(slash + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      folder = parentOf(folder);
      continue;
    }
    const std::string here = joined(folder, name);
    if (auto target = linkTarget(here)) {
      names[folder].insert(name);
      if (++links > kMaxLinks) return;
      if (target->starts_with('/')) folder = "/";
      rest = rest.empty() ? *target : joined(*target, rest);
      continue;
    }
    const bool last = rest.find_first_not_of('/') == std::string::npos;
    if (last || ::access(here.c_str(), F_OK) != 0) {
      names[folder].insert(name);
      return;
    }
    folder = here;
  }
}

}  // namespace

FileIdentity fileIdentity(const std::string& path) {
  struct stat facts;
  if (::stat(path.c_str(), &facts) != 0) return {};
  const auto ns = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return {.device = facts.st_dev,
          .inode = facts.st_ino,
          .size = facts.st_size,
          .modified_ns = ns(facts.st_mtim),
          .changed_ns = ns(facts.st_ctim)};
}

// Everything but the door; a handle that outlives the watcher finds it gone.
class FileWatcher::State final : public FdHandler {
 public:
  State(Dispatcher& dispatcher, const Options& options)
      : dispatcher_(dispatcher),
        options_(options),
        settle_timer_(dispatcher.createTimer([this] { onSettled(); })),
        poll_timer_(dispatcher.createTimer([this] { onPoll(); })) {
    inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify_.valid()) {
      base::log::warning(kArea, "cannot watch files: ", std::strerror(errno),
                         "; they are looked at every ", options_.poll.count(), " ms");
      return;
    }
    watcher_ = dispatcher.createFdWatcher(inotify_.get(), *this);
    watcher_->watch({.readable = true});
  }

  uint64_t add(std::vector<std::string> paths, Callback callback) {
    const uint64_t id = ++last_id_;
    auto entry = std::make_shared<Entry>();
    entry->paths = std::move(paths);
    entry->callback = std::move(callback);
    // First watch, then look: no change falls in between.
    Names wanted;
    for (const std::string& path : entry->paths) walk(path, wanted);
    watchFolders(wanted, folders_);
    for (const std::string& path : entry->paths) entry->identities.push_back(fileIdentity(path));
    entries_[id] = std::move(entry);
    if (!poll_timer_->running()) poll_timer_->start(options_.poll);
    return id;
  }

  // What only this one needed is watched on until the next look.
  void remove(uint64_t id) {
    entries_.erase(id);
    if (!entries_.empty()) return;
    rewatch();
    poll_timer_->cancel();
    settle_timer_->cancel();
    settling_since_.reset();
  }

  void onFdReady(FdEvents) override {
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    bool relevant = false;
    // A busy folder must not keep the loop: the rest is read on the next turn.
    for (int reads = 0; reads < 16; ++reads) {
      const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
      if (size <= 0) break;
      relevant |= takeEvents({buffer.data(), static_cast<size_t>(size)});
    }
    if (relevant) settle();
  }

 private:
  struct Entry {
    std::vector<std::string> paths;
    std::vector<FileIdentity> identities;
    Callback callback;
  };
  using Folder = std::set<std::string, std::less<>>;  // the names that matter in it

  bool takeEvents(std::string_view bytes) {
    bool relevant = false;
    while (bytes.size() >= sizeof(inotify_event)) {
      inotify_event event;
      std::memcpy(&event, bytes.data(), sizeof event);
      const std::string_view name(bytes.data() + sizeof event,
                                  ::strnlen(bytes.data() + sizeof event, event.len));
      relevant |= isRelevant(event, name);
      bytes.remove_prefix(std::min(bytes.size(), sizeof event + event.len));
    }
    return relevant;
  }

  bool isRelevant(const inotify_event& event, std::string_view name) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) return true;
    const auto folder = folders_.find(event.wd);
    if (folder == folders_.end()) return false;
    if ((event.mask & IN_IGNORED) != 0) {
      folders_.erase(folder);
      return true;
    }
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) return true;
    return folder->second.find(name) != folder->second.end();
  }

  void settle() {
    const MonotonicTime now = dispatcher_.preciseNow();
    if (!settling_since_) settling_since_ = now;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        *settling_since_ + options_.settle_limit - now);
    settle_timer_->start(std::max(std::chrono::milliseconds(0), std::min(options_.settle, left)));
  }

  void onSettled() {
    settling_since_.reset();
    lookAtAll();
  }

  void onPoll() {
    poll_timer_->start(options_.poll);
    lookAtAll();
  }

  // Callbacks may add and remove entries: each is looked up again, and held while it is called.
  void lookAtAll() {
    rewatch();
    std::vector<uint64_t> ids;
    for (const auto& [id, entry] : entries_) ids.push_back(id);
    for (const uint64_t id : ids) {
      const auto found = entries_.find(id);
      if (found == entries_.end()) continue;
      const std::shared_ptr<Entry> entry = found->second;
      const std::vector<std::string> changed = changedOf(*entry);
      if (!changed.empty()) entry->callback(changed);
    }
  }

  static std::vector<std::string> changedOf(Entry& entry) {
    std::vector<std::string> changed;
    for (size_t i = 0; i < entry.paths.size(); ++i) {
      const FileIdentity now = fileIdentity(entry.paths[i]);
      if (now == entry.identities[i]) continue;
      entry.identities[i] = now;
      changed.push_back(entry.paths[i]);
    }
    return changed;
  }

  // Brings the watches in line with where the paths lead now.
  void rewatch() {
    if (!inotify_.valid()) return;
    Names wanted;
    for (const auto& [id, entry] : entries_) {
      for (const std::string& path : entry->paths) walk(path, wanted);
    }
    std::map<int, Folder> folders;
    watchFolders(wanted, folders);
    for (const auto& [number, folder] : folders_) {
      if (folders.find(number) == folders.end()) ::inotify_rm_watch(inotify_.get(), number);
    }
    folders_ = std::move(folders);
  }

  void watchFolders(Names& wanted, std::map<int, Folder>& folders) {
    if (!inotify_.valid()) return;
    for (auto& [path, names] : wanted) {
      // The same folder gives the same number again, another one under the same path a new number.
      const int number = ::inotify_add_watch(inotify_.get(), path.c_str(), kMask);
      if (number < 0) {
        complain(path, errno);
        continue;
      }
      folders[number].merge(names);
    }
  }

  // Once for each folder: it is tried again with every change.
  void complain(const std::string& path, int error) {
    if (error == ENOENT || error == ENOTDIR || !complained_.insert(path).second) return;
    base::log::warning(kArea, "cannot watch ", path, ": ", std::strerror(error),
                       "; its files are looked at every ", options_.poll.count(), " ms");
  }

  Dispatcher& dispatcher_;
  const Options options_;
  base::UniqueFd inotify_;
  std::unique_ptr<FdWatcher> watcher_;  // destroyed before the descriptor
  std::unique_ptr<Timer> settle_timer_;
  std::unique_ptr<Timer> poll_timer_;
  std::optional<MonotonicTime> settling_since_;
  std::map<uint64_t, std::shared_ptr<Entry>> entries_;
  std::map<int, Folder> folders_;  // by the number of their watch
  std::set<std::string> complained_;
  uint64_t last_id_ = 0;
};

namespace {

template <class State>
class Watch final : public FileWatcher::Handle {
 public:
  Watch(const std::shared_ptr<State>& state, uint64_t id) : state_(state), id_(id) {}
  ~Watch() override {
    if (const auto state = state_.lock()) state->remove(id_);
  }

 private:
  const std::weak_ptr<State> state_;
  const uint64_t id_;
};

}  // namespace

FileWatcher::FileWatcher(Dispatcher& dispatcher, const Options& options)
    : state_(std::make_shared<State>(dispatcher, options)) {}

FileWatcher::~FileWatcher() = default;

std::unique_ptr<FileWatcher::Handle> FileWatcher::watch(std::vector<std::string> paths,
                                                        Callback callback) {
  const uint64_t id = state_->add(std::move(paths), std::move(callback));
  return std::make_unique<Watch<State>>(state_, id);
}

}  // namespace weir::event
