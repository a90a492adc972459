"""One file a receiver type: how a notification is put into that service's words and sent."""
