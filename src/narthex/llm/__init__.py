"""What LLM serving needs: a simulator of LLM servers (`simulator`) and alert and recording rules (`rules`)."""
