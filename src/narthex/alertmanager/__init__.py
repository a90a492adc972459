"""Groups, routes, mutes and notifies: route, group, pipeline, receivers."""
