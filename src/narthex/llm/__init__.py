"""What LLM serving needs: simulator, rules, engine catalogue."""
