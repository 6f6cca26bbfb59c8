UPDATE bulletin SET title = 'gone';
