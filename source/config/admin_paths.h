#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace weir::config {

// A request to the admin interface. Its body, if it has one, nobody looks at.
struct AdminPathRequest {
  std::string_view method;
  std::string_view path;                                         // without the query
  const std::map<std::string, std::string, std::less<>>& query;  // percent-decoded; the last wins

  // Empty when it is not there.
  std::string_view value(std::string_view name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string_view() : std::string_view(found->second);
  }
};

struct AdminPathReply {
  uint16_t status = 200;
  std::string body = {};
  std::string content_type = "application/json";
};

// One path of the admin interface that an extension answers.
struct AdminPath {
  std::string path;    // "/cache"
  std::string method;  // "GET" (HEAD goes with it) or "POST"
  std::string help;    // for the list that GET / gives
  // On the main thread; must not block. It may register and take back paths, this one too.
  std::function<AdminPathReply(const AdminPathRequest&)> handle;
};

class AdminPaths;

// Takes a path back when it goes. Main-thread only.
class AdminPathHandle {
 public:
  AdminPathHandle() = default;
  AdminPathHandle(AdminPaths& paths, uint64_t id) : paths_(&paths), id_(id) {}
  AdminPathHandle(AdminPathHandle&& other) noexcept
      : paths_(std::exchange(other.paths_, nullptr)), id_(other.id_) {}
  AdminPathHandle& operator=(AdminPathHandle&& other) noexcept {
    std::swap(paths_, other.paths_);
    std::swap(id_, other.id_);
    return *this;
  }
  ~AdminPathHandle() { reset(); }
  void reset();

 private:
  AdminPaths* paths_ = nullptr;
  uint64_t id_ = 0;
};

// Where extensions register what they add to the admin interface: a service of the main thread,
// which a MainPart finds in start() and gives its handles back to in stop(). Main-thread only.
class AdminPaths {
 public:
  // Of several with the same path and method the one that came last answers. Weir's own paths are
  // not replaced: one of those is never asked. Outlives the handle.
  [[nodiscard]] virtual AdminPathHandle add(AdminPath path) = 0;

 protected:
  friend class AdminPathHandle;
  ~AdminPaths() = default;
  virtual void remove(uint64_t id) = 0;
};

inline void AdminPathHandle::reset() {
  if (AdminPaths* const paths = std::exchange(paths_, nullptr)) paths->remove(id_);
}

}  // namespace weir::config
