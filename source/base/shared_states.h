#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace weir::base {

// What those of one name count in, together, for as long as a configuration uses it: so a new
// configuration goes on with the counts of the one before. Main-thread only.
template <class State>
class SharedStates {
 public:
  // `make` returns a std::shared_ptr<State>.
  template <class Make>
  std::shared_ptr<State> get(const std::string& name, Make make) {
    std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<State>& known = states_[name];
    std::shared_ptr<State> state = known.lock();
    if (state == nullptr) known = state = make();
    return state;
  }

 private:
  std::map<std::string, std::weak_ptr<State>> states_;
};

}  // namespace weir::base
