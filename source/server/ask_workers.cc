#include "source/server/ask_workers.h"

#include <utility>

#include "source/server/server.h"

namespace weir::server {

void AskWorkers::start(Give give) {
  give_ = std::move(give);
  left_ = workers_.size();
  const std::weak_ptr<AskWorkers*> self = self_;
  for (size_t place = 0; place < workers_.size(); ++place) {
    // The server outlives its workers, and what it was posted that it does not come to.
    server_.worker(workers_[place])
        .ask([look = look_, place, self, &server = server_](const WorkerView& view) {
          look(view, place);
          server.post([self] {
            if (const auto alive = self.lock()) (*alive)->onLooked();
          });
        });
  }
}

void AskWorkers::onLooked() {
  if (--left_ == 0) give_(finish_());
}

}  // namespace weir::server
